// Package witness is the independent observers of one host: a capture of its
// interfaces, the kernel's socket table, the open files of processes, and the
// kernel's conntrack table. They share nothing but the kernel, and each says
// what it saw as records of package evidence.
//
// Every Open function is called on a thread that is in the host's network
// namespace (network_namespaces(7)); what it returns stays there and may be
// used from anywhere. Elsewhere than on Linux everything returns
// errors.ErrUnsupported.
//
// # Capture
//
// A Capture is one AF_PACKET socket (packet(7)) over all interfaces. It keeps
// every packet, ARP and ICMP too. The file is pcapng with a block for each
// interface, each packet's direction and the kernel's time in nanoseconds, and,
// at its end, the statistics of each interface. Packets reach it milliseconds
// after they passed, in writes of whole blocks: the file of a host that was
// killed ends between two. There is no memory-mapped ring, which takes 8 ms to
// set up and 16 to 36 ms to take down. When the file takes no more and the
// socket's buffer is full, the kernel drops packets and counts them.
//
// # Tables
//
// In the socket table queues are in bytes; those of a listening socket are
// connections, as ss(8) prints them. A connection whose handshake is not finished
// is SYN_RECV with inode 0. UDP sockets are ESTABLISHED once they are connected,
// else CLOSE. TCP sockets that neither listen nor are connected are in no table.
//
// No dump is a photograph: the kernel walks its table while entries come and
// go. Where it says that a table changed under the walk, the rows are given with
// ErrInterrupted: what they say is true, what they do not say is not known.
//
// # Open files
//
// OpenFiles walks /proc/PID/fd (proc_pid_fd(5)); descendants whose parent ended
// are not found. What a socket is stands in the tables of /proc/PID/net. One that
// is in none, since it is not bound or of another family, is of type sock. The
// kernel shows another user's descriptors to those who may ptrace its processes
// (ptrace(2)), which root in a container may not: there a thread takes on the
// process's user by setfsuid(2), which needs CAP_SETUID and CAP_SETGID.
package witness

import "errors"

// ErrInterrupted says that a dump is not consistent, because the table changed
// while it was read: rows may be missing (NLM_F_DUMP_INTR, netlink(7)).
var ErrInterrupted = errors.New("the table changed while it was dumped")

// ErrGone says that a process has ended.
var ErrGone = errors.New("the process has ended")

// ErrEnding says that a process was ending while it was looked at.
var ErrEnding = errors.New("a process was ending")

// CaptureStats are what a capture saw.
type CaptureStats struct {
	Packets int // written
	Dropped int // by the kernel, or of an interface that came after the capture
}

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
// every packet, ARP and ICMP too: a lab's host carries nothing but the lab. The
// file is pcapng, with an interface block for each interface, the direction and
// the kernel's time in nanoseconds of each packet, and, written by Close, the
// statistics of each interface; it reads in Wireshark and tshark. On lo every
// packet passes twice; the copy going out is kept. Packets reach the file some
// milliseconds after they passed, in writes of whole blocks, so that the file
// of a host that was killed ends between two blocks.
//
// The socket has no memory-mapped ring: a ring takes 8 ms to set up and 16 to
// 36 ms to take down, and pins its memory. Packets that are not read yet wait in
// the socket's buffer, whose size is bounded; when the file takes no more, the
// kernel drops packets and counts them.
//
// # Socket table
//
// A SocketTable asks by sock_diag(7) for all TCP and UDP sockets of the
// namespace. Queues are in bytes; those of a listening socket are connections,
// as ss(8) prints them. A connection whose handshake is not finished is
// SYN_RECV with inode 0. An IPv4 connection of an IPv6 socket has its addresses
// written as IPv4 while its protocol stays tcp6. UDP sockets are ESTABLISHED
// once they are connected, else CLOSE. TCP sockets that neither listen nor are
// connected are in no table.
//
// # Open files
//
// OpenFiles walks /proc/PID/fd (proc_pid_fd(5)) of a process and its
// descendants. What a socket is stands in /proc/PID/net, the table of the
// process's own network namespace, wherever the caller is. Descendants whose
// parent ended belong to another process and are not found. A socket that is in
// no table, because it is not bound, has the type sock; one of another family
// than the Internet's too, but for unix.
//
// The kernel shows another user's descriptors to those who may ptrace that
// user's processes (ptrace(2)), which root in a container may not: it lacks
// CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH. There what counts is the file-system
// user of the calling thread, so that the walk is done by a thread that took on
// the process's user and group by setfsuid(2), which needs CAP_SETUID and
// CAP_SETGID. The thread is thrown away afterwards.
//
// # Conntrack table
//
// A ConntrackTable asks by netlink for the connections that the namespace
// tracks, which it does once a rule of its firewall needs it. Only TCP
// connections whose addresses or ports are translated are given.
//
// # Consistency
//
// No dump is a photograph: the kernel walks its table while entries come and
// go. Where it says that a table changed under the walk (NLM_F_DUMP_INTR,
// netlink(7)), the rows are given with ErrInterrupted. What a row says is true;
// what an interrupted dump does not say is not known.
package witness

import "errors"

// ErrInterrupted says that a dump is not consistent, because the table changed
// while it was read: rows may be missing (NLM_F_DUMP_INTR, netlink(7)).
var ErrInterrupted = errors.New("the table changed while it was dumped")

// ErrGone says that a process has ended.
var ErrGone = errors.New("the process has ended")

// CaptureStats are what a capture saw.
type CaptureStats struct {
	Packets int // written
	// Dropped packets are not in the file: the kernel dropped them before they
	// could be read, or they passed an interface that was not there when the
	// capture was opened.
	Dropped int
}

// Package sockets is the witness of a host's TCP socket table: what the kernel
// itself says of every TCP socket of one network namespace, whoever owns it.
//
// It asks by sock_diag(7), over one netlink socket (netlink(7)) per host. Open
// makes that socket in the calling thread's network namespace, and a netlink
// socket stays in the namespace it was made in: afterwards any thread may call
// Dump. A Table that is not being dumped costs one descriptor, no goroutine and
// no buffer.
//
//	thread in the host's namespace ─ Open ─► Table ─ Dump, from any thread ─► []evidence.Socket
//
// A dump asks twice, for IPv4 and for IPv6 sockets, and gets messages of type
// inet_diag_msg (linux/inet_diag.h) in datagrams of up to 32 KB, read into one
// buffer. The rows hold what the kernel said, with two exceptions, both for the
// sake of one spelling:
//
//   - A connection whose handshake is not finished is a request socket inside
//     the kernel (TCP_NEW_SYN_RECV). It appears as SYN_RECV with inode 0 and,
//     since it belongs to nobody yet, uid 0, as in ss(8); netstat(8) writes the
//     listener's uid there.
//   - An IPv4 connection of an IPv6 socket has IPv4-mapped addresses in the
//     kernel (::ffff:10.12.0.10). They are written as IPv4; Protocol stays tcp6.
//
// Queues are in bytes. Of a listening socket RecvQueue counts the connections
// that wait to be accepted and SendQueue is the most that may wait, as ss(8)
// prints them; netstat(8) prints 0 for the latter. A socket that was bound but
// neither listens nor is connected is in no hash table, hence in no dump.
//
// A dump is not a photograph: the kernel walks its table while sockets come and
// go. Where it says that a walk was interrupted, or where messages were lost,
// the walk is repeated, and after Attempts of them Dump returns the last walk's
// rows together with ErrInterrupted: what they say is true, what they do not
// say is not known.
//
// The kernel's hash table may be shared with other namespaces, and then a dump
// walks the sockets of all of them (sysctl net.ipv4.tcp_child_ehash_entries).
package sockets

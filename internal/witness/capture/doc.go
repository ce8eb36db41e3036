// Package capture is the capture witness: it writes down every TCP packet that
// crosses the interfaces of one host, as the kernel saw it.
//
// A Capture is one AF_PACKET socket (packet(7)) in the network namespace of the
// thread that called Open. A classic BPF filter in the kernel keeps
//
//   - TCP over IPv4 and IPv6, with all fragments of it, behind VLAN tags and
//     behind IPv6 extension headers too (a chain of more than six is kept
//     unread, so that nothing is missed), and
//   - the errors of ICMP (unreachable, source quench, redirect, time exceeded,
//     parameter problem) and of ICMPv6 (types below 128), which tell why a
//     connection did not come about.
//
// On the loopback interface every packet passes twice, going out and coming
// in; the copy going out is kept, so that a packet is in the capture as soon as
// the call that sent it returned. On all other interfaces both directions are
// kept, each packet with its direction.
//
// The file is pcapng (draft-ietf-opsawg-pcapng): one section, one interface
// block for each interface with its name, addresses and filter, packets with
// nanoseconds since 1970, and at Close one statistics block for each interface,
// by which a reader knows that the capture was closed and not cut short. Every
// write to the io.Writer ends at the end of a block, about a millisecond after
// the packet at the latest, so what a killed process leaves behind is readable.
//
// # Why no ring
//
// A memory-mapped ring (TPACKET_V3) costs one RCU grace period to set up and
// three to take down, 8 and 24 ms where this was measured, pins its memory for
// as long as it lives, and hands over a half-filled block only when a timer
// fires. A plain socket costs 0.1 ms, holds memory only for packets that wait,
// and is empty exactly when everything was read. Read in batches by
// recvmmsg(2) it loses nothing at 100,000 packets a second either. Its one
// grace period, at close(2), is spent after Close returned.
//
// # Time
//
// Packets carry the time at which the kernel handled them. Only within the
// first milliseconds of the first capture of a machine may the kernel not be
// stamping yet; such packets carry the time of their reading, say so in a
// comment, and are counted in Stats.
package capture

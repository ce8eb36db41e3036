// Package conntrack is the witness of a router's address translation: what the
// kernel's connection tracking says of each TCP connection that passes it.
//
// A tracked connection has two tuples, one for each direction: the original as
// the client sent it, and the reply as the server's answers arrive. Where nothing
// was translated the second is the first turned round. Where something was, the
// difference is the translation:
//
//	original  10.12.1.10:40992 → 10.12.0.10:12000   what the client's side has
//	reply     10.12.0.10:12000 → 10.12.0.254:40992  what the server's side has, turned round
//
// The rows are evidence.Translation with both written from client to server.
//
// The table is read by ctnetlink (linux/netfilter/nfnetlink_conntrack.h) over one
// netlink socket per host. Open makes it in the calling thread's network
// namespace, where it stays: afterwards any thread may call Dump. A Table that is
// not being dumped costs one descriptor, no goroutine and no buffer. Both need
// CAP_NET_ADMIN in that namespace, when opening as when dumping.
//
// An entry outlives its connection: by two minutes after a proper end, by ten
// seconds after a reset (sysctl net.netfilter.nf_conntrack_tcp_timeout_time_wait
// and _close). A namespace tracks nothing before it has a rule that needs it; an
// empty table says as little as no table. All namespaces share one hash table in
// the kernel, and a dump walks the whole of it.
package conntrack

// Package echo is the small protocol of the blog post, as a server and a client.
//
// # The protocol
//
// The post asks whether the sockets that a server accepts get ports of their own, and talks to itself over TCP
// (RFC 9293) to find out. A server greets whoever connects with [Greeting]. From then on it answers each chunk
// of bytes it reads, at most [ChunkSize] of them, with [Prefix] and the chunk, in one write. There is no
// framing: a message is what a client sends, and ends where the client chooses to stop and wait.
//
// # What a right reply is
//
// TCP keeps bytes and their order, not the borders of writes. A message may reach the server in several
// chunks (it is longer than ChunkSize, or a router cut it into segments), and then the reply has several
// prefixes in it; replies in turn may reach the client joined or split. The client therefore accepts every
// way to cut its message into pieces of at least one byte with a Prefix before each, and nothing else. It
// follows all the ways that fit what has come so far at once, so that a message which contains the words of
// Prefix itself does not mislead it. Where a reply is whole in one way and unfinished in another ("abS" may
// be followed by "erver Says: S", if the server read the S by itself), the client goes on, and what comes
// next may still belong to either. What fits no way is a wrong reply, and a failure.
//
// # The parts
//
// [Server] and [Client] do the talking and tell a [Recorder] what they did, one [Event] at a time; a
// [Journal] writes events as lines, for people or as JSON. [ServerMain] and [ClientMain] are the two commands
// around them: flags, output, exit status. The programs in ../server and ../client add signals and nothing else.
//
// # Units and errors
//
// Byte counts are bytes of payload. A zero [time.Duration] means what the field's comment says. Endpoints are
// [net/netip.AddrPort] values, with IPv4 addresses that were mapped into IPv6 turned back (RFC 4291, 2.5.5.2).
// Errors are one sentence and name the endpoint or message they are about.
package echo

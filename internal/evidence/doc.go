// Package evidence holds what witnesses wrote down: the records, the format of
// the run folder they are kept in, and the join of all of them by four-tuple.
//
// A run folder is flat. For every host it has
//
//	HOST.host.jsonl       the host agent's own account, with the seals of the other files
//	HOST.pcapng           the capture, one interface block per interface
//	HOST.sockets.jsonl    the kernel's TCP socket table, dump by dump
//	HOST.files.jsonl      the program's open files, dump by dump
//	HOST.program.jsonl    the program's own account
//	HOST.conntrack.jsonl  translated connections, where the host translates addresses
//
// and beside them lab.yml, the lab as run. Every line of a .jsonl file is one
// JSON object with a time (RFC 3339, nanoseconds, UTC), a host, a witness and
// plain field names. Endpoints are written ADDRESS:PORT as net/netip does, and
// IPv4 addresses are never written in their IPv6-mapped form.
//
// A host seals its files when it closes: the last line of HOST.host.jsonl names
// each file with its length and its SHA-256. A file that does not match its
// seal was changed afterwards and is not evidence; a file without a seal was
// cut short, and then only what it says counts, never what it does not say.
//
// Load reads a folder, Join turns the records into connections. Both are pure
// but for the fs.FS that Load reads. Create and Output are how hosts write.
package evidence

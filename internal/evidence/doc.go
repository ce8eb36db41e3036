// Package evidence is what witnesses wrote down of a run: its records, the run
// folder that keeps them, and their join, connection by connection.
//
// # Records and files
//
// On every host up to five witnesses watch: a capture (packets), the kernel's
// socket table (sockets), the programs' open files (files), the programs' own
// events (program) and, where addresses are translated, the kernel's conntrack
// table (conntrack). Each writes a file of its own, HOST.pcapng or
// HOST.WITNESS.jsonl, one record a line. The agent's own account,
// HOST.host.jsonl, tells what it did and when; its last line seals the other
// files by their length, their number of records and their SHA-256.
//
// # The run folder
//
// A run folder is flat: lab.json is the lab as run with the run's random id,
// lab.yml the file it was read from, then the hosts' files, and verdict.json
// and report.html once it was judged. Create makes one, Load reads one. Every
// host notes the run's id and the hash of lab.json, so that files of another
// run, and a lab that the hosts did not run, are known for what they are.
// Load reads regular files only, within bounds, and believes nothing: what is
// missing, cut short, altered or at odds with its seal is a Defect of that
// witness.
//
// The account names every process of a program, from start to end, and every step
// that was done on the host. It is believed only as far as it tells the lab's
// steps, in their order, each once, with what they do before them. A run that
// ends with a step that failed is whole until then (Run.Ended).
//
// Of a capture the TCP segments, UDP datagrams and ICMP errors and echoes are
// read, of IPv4 and IPv6. Fragments are not put together: a capture that has any
// is not whole. The machine's own multicast DNS is passed over.
//
// # The join
//
// A Connection is all evidence about one opening of one TCP four-tuple, told
// apart by initial sequence numbers (RFC 9293, section 3.4.1). A record that
// joins nothing is an Orphan, never dropped. A Datagram is one UDP datagram at all
// points of its way: equal ones between the same endpoints are told apart by their
// order, and where some of them were lost, nobody says which. Where witnesses that should say
// the same do not, the connection says so under Conflicts.
package evidence

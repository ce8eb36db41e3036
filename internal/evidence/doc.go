// Package evidence is what witnesses wrote down of a run: its records, the run
// folder that keeps them, and their join, connection by connection.
//
// # Records and files
//
// On every host up to five witnesses watch: a capture (packets), the kernel's
// socket table (sockets), the program's open files (files), the program's own
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
// # The join
//
// A Connection is all evidence about one opening of one TCP four-tuple, told
// apart by initial sequence numbers (RFC 9293, section 3.4.1). A record that
// joins nothing is an Orphan, never dropped. Where witnesses that should say
// the same do not, the connection says so under Conflicts.
package evidence

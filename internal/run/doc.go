// Package conduct leads the hosts of a lab through a run, step by step: open
// the witnesses everywhere, start the programs in the order of depends_on, wait
// until each has done what it does by itself, take the last look at sockets and
// open files while all connections stand, stop the programs, close and seal.
//
// No step waits for a time to pass where it can wait for a thing to happen, so
// a run is as fast as its hosts, and what the witnesses see does not depend on
// how busy the machine is.
//
// Run is the conductor; it knows hosts as Host. Agents in the same process are
// hosts as they are. Agents in containers are led over the run folder, the only
// thing they share with the conductor: Remote is the conductor's end and Follow
// the host's end of that. The conductor holds a lock on the file .conduct and
// appends commands to it; each host holds a lock on its own account,
// HOST.host.jsonl, and answers by the events it writes there. The kernel drops
// the lock of whoever dies, so neither waits for the dead.
package run

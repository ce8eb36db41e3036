package evidence

import (
	"net/netip"
	"time"
)

// A Witness names one kind of independent observer of a host.
type Witness string

// The witnesses of a host. Agent is the agent's own account of the others.
const (
	Agent     Witness = "host"
	Packets   Witness = "packets"
	Sockets   Witness = "sockets"
	Files     Witness = "files"
	Program   Witness = "program"
	Conntrack Witness = "conntrack"
)

// Header is what every record carries. Times of one host never go back.
type Header struct {
	Time    time.Time `json:"time"`
	Host    string    `json:"host,omitempty"`
	Witness Witness   `json:"witness,omitempty"`
	// Line is the record's line in its file, from 1; it is not written.
	Line int `json:"-"`
}

// A Socket is one row of a host's socket table, as sock_diag(7) gives it.
type Socket struct {
	Header
	// Snapshot numbers the dump that the row belongs to, from 1. Moving says
	// that the tables changed while it was read, so that sockets and open files
	// of that dump may differ.
	Snapshot int  `json:"snapshot"`
	Moving   bool `json:"moving,omitempty"`
	// Protocol is tcp, tcp6, udp or udp6, the socket's own family: an IPv4
	// connection of an IPv6 socket is tcp6 although its endpoints are written
	// as IPv4.
	Protocol string         `json:"protocol"`
	State    string         `json:"state"`
	Local    netip.AddrPort `json:"local"`
	Remote   netip.AddrPort `json:"remote"`
	// RecvQueue and SendQueue are bytes; of a listening socket, connections
	// that wait to be accepted, and the most that may wait.
	RecvQueue uint32 `json:"recvQueue"`
	SendQueue uint32 `json:"sendQueue"`
	UID       uint32 `json:"uid"`
	// Inode is the socket's inode, 0 once no process holds it.
	Inode uint64 `json:"inode"`
	// Interface is the index the socket is bound to, 0 for none.
	Interface uint32 `json:"interface,omitempty"`
}

// The states of a TCP socket, with netstat's names.
const (
	Established = "ESTABLISHED"
	SynSent     = "SYN_SENT"
	SynReceived = "SYN_RECV"
	FinWait1    = "FIN_WAIT1"
	FinWait2    = "FIN_WAIT2"
	TimeWait    = "TIME_WAIT"
	Closed      = "CLOSE"
	CloseWait   = "CLOSE_WAIT"
	LastAck     = "LAST_ACK"
	Listen      = "LISTEN"
	Closing     = "CLOSING"
)

// stateNames are the states by their numbers in net/tcp_states.h; 12 is a
// request socket, which netstat has no name of its own for.
var stateNames = [...]string{
	1: Established, 2: SynSent, 3: SynReceived, 4: FinWait1, 5: FinWait2, 6: TimeWait,
	7: Closed, 8: CloseWait, 9: LastAck, 10: Listen, 11: Closing, 12: SynReceived,
}

// StateName is the state that the kernel gives this number, in sock_diag(7)
// and in /proc/net/tcp; false for a number that is no state.
func StateName(number uint64) (string, bool) {
	if number == 0 || number >= uint64(len(stateNames)) {
		return "", false
	}
	return stateNames[number], true
}

// A File is one open file of one process of the program, as /proc/PID/fd and
// /proc/PID/net (proc(5)) give it.
type File struct {
	Header
	// Snapshot numbers the walk that the row belongs to, from 1: the number of
	// the socket table's dump that was made with it.
	Snapshot int `json:"snapshot"`
	// Program is the name of the program whose process it is, empty for the
	// host's command.
	Program string `json:"program,omitempty"`
	Command string `json:"command"`
	PID     int    `json:"pid"`
	User    string `json:"user"`
	FD      int    `json:"fd"`
	// Access is r, w or u for reading and writing, as lsof has it.
	Access string `json:"access,omitempty"`
	// Type is IPv4, IPv6, unix, or lsof's word for another kind: REG, CHR,
	// DIR, FIFO, a_inode.
	Type string `json:"type"`
	// Target is what the descriptor's link says: a path, pipe:[1234],
	// socket:[1234].
	Target string `json:"target"`
	// Inode is the socket's inode; 0 for a file that is no socket.
	Inode uint64 `json:"inode,omitempty"`
	// Protocol, Local, Remote and State are set for TCP and UDP sockets, from
	// the process's own /proc/PID/net.
	Protocol string         `json:"protocol,omitempty"`
	Local    netip.AddrPort `json:"local,omitzero"`
	Remote   netip.AddrPort `json:"remote,omitzero"`
	State    string         `json:"state,omitempty"`
}

// A Translation is one entry of a router's conntrack table: Original is the
// four-tuple as the client's side has it, Translated as the server's side has
// it, both from client to server.
type Translation struct {
	Header
	Snapshot   int       `json:"snapshot"`
	Protocol   string    `json:"protocol"` // TCP or UDP
	Original   FourTuple `json:"original"`
	Translated FourTuple `json:"translated"`
}

// What a program may print of itself, as JSON, one event a line. A program that
// prints nothing, or other things, is no worse a program: it is only no
// witness.
const (
	EventListening = "listening"
	EventAccepted  = "accepted"
	EventConnected = "connected"
	EventSent      = "sent"
	EventReceived  = "received"
	EventHolding   = "holding"
	EventClosed    = "closed"
	EventFailed    = "failed"
	EventStopped   = "stopped"
	// EventPrompt: a prompt for socket calls takes lines. EventCall: it made a
	// call. EventAnswer: the line that was typed is done; its Answer is that of
	// the last call. One with an Error made no call: the line is none, and a step
	// that typed it has failed.
	EventPrompt = "prompt"
	EventCall   = "call"
	EventAnswer = "answer"
	// EventLine is a line of output that is no event: Text holds it, or Error
	// where it came on standard error.
	EventLine = "line"
)

// A ProgramEvent is one event that a program told of itself.
type ProgramEvent struct {
	Header
	Event string `json:"event"`
	// Program is the program's name, empty for the host's command; PID the
	// process that told it. The agent sets both: of a child that tells its own
	// process number, its number as the agent sees it, else the program's.
	Program string         `json:"program,omitempty"`
	PID     int            `json:"pid,omitempty"`
	Local   netip.AddrPort `json:"local,omitzero"`
	Remote  netip.AddrPort `json:"remote,omitzero"`
	// Bytes is the length of the payload, Text the payload where it is UTF-8,
	// Base64 where it is not. A call that sent or received much has Bytes only.
	Bytes  int    `json:"bytes,omitempty"`
	Text   string `json:"text,omitempty"`
	Base64 []byte `json:"base64,omitempty"`
	// Served is how many connections a server has served.
	Served int    `json:"served,omitempty"`
	Error  string `json:"error,omitempty"`
	// Typed is the line that a prompt was given.
	Typed string `json:"typed,omitempty"`
	Answer
}

// An Answer is what became of a socket call.
type Answer struct {
	// Call is the call's name, as section 2 of the manual has it, Socket the
	// prompt's name for the socket, FD its descriptor.
	Call   string `json:"call,omitempty"`
	Socket string `json:"socket,omitempty"`
	FD     int    `json:"fd,omitempty"`
	// Result is what the call returned; of one that failed it is -1, and Errno
	// the error's name (errno(3)).
	Result int64  `json:"result,omitempty"`
	Errno  string `json:"errno,omitempty"`
	// Waiting says that the call had not answered when the prompt's wait for it
	// was over: neither a result nor an error.
	Waiting bool `json:"waiting,omitempty"`
}

// Payload is the event's payload in bytes.
func (e ProgramEvent) Payload() []byte {
	if len(e.Base64) > 0 {
		return e.Base64
	}
	return []byte(e.Text)
}

// What the agent tells of its work, in the order in which it happens.
const (
	// HostRegistered: the agent runs; Run and Lab say which run it is part of.
	HostRegistered = "registered"
	// HostLive: routes are set and every witness watches. Its Snapshot is what
	// the tables were before any program started.
	HostLive = "live"
	// HostStarted: Program runs, as PID, by Command.
	HostStarted = "started"
	// HostReady: Program, last started as PID, is ready.
	HostReady = "ready"
	// HostNotReady: the run went on before Program was ready, or started; Error
	// says what was waited for, and why no longer.
	HostNotReady = "not ready"
	// HostSnapshot: the tables were written down, as Snapshot, under Name.
	HostSnapshot = "snapshot"
	// HostStep: the step of the number Step is done, and Answer is what a prompt
	// answered. Every step that is done on the host has one, after what the step
	// itself has the agent tell.
	HostStep = "step"
	// HostExited: Program, which ran as PID, ended, with Status.
	HostExited = "exited"
	// HostStopped: all programs have ended; no more will be started.
	HostStopped = "stopped"
	// HostFailed: something the agent had to do did not work; Error says what. A
	// step that failed and ended the run is "step N: …"; the host
	// has no HostStep of it.
	HostFailed = "error"
	// HostClosed: everything is flushed; Seals names the files. The agent's
	// last event.
	HostClosed = "closed"
	// HostLost: written by the coordinator after the agent's last word, when
	// the host's stream ended before HostClosed; Error says how it ended.
	HostLost = "lost"
)

// A HostEvent is one line of the agent's own account.
type HostEvent struct {
	Header
	Event string `json:"event"`
	// Run is the run's id and Lab the SHA-256 of lab.json, in HostRegistered.
	Run string `json:"run,omitempty"`
	Lab string `json:"lab,omitempty"`
	// Kernel is the host's kernel as uname(2) has it, in HostRegistered.
	Kernel string `json:"kernel,omitempty"`
	// Interfaces are the host's interfaces when its witnesses went live.
	Interfaces []Interface `json:"interfaces,omitempty"`
	// Program is the program's name, empty for the host's command.
	Program string   `json:"program,omitempty"`
	PID     int      `json:"pid,omitempty"`
	Command []string `json:"command,omitempty"`
	// Status is the program's exit status; 128 and the signal's number for a
	// program that a signal ended.
	Status *int `json:"status,omitempty"`
	// Snapshot is the number of a snapshot's dump, Name the name that claims
	// use. Idle says that all queues were empty and that the tables did not
	// change while they were read.
	Snapshot int    `json:"snapshot,omitempty"`
	Name     string `json:"name,omitempty"`
	Idle     bool   `json:"idle,omitempty"`
	// Step is the number of the step that is done, in HostStep, with what a
	// prompt answered: Answer, and the endpoints and the payload of its last call.
	Step   int           `json:"step,omitempty"`
	Answer *ProgramEvent `json:"answer,omitempty"`
	Error  string        `json:"error,omitempty"`
	Seals  []Seal        `json:"seals,omitempty"`
}

// An Interface is one network interface of a host.
type Interface struct {
	Name      string         `json:"name"`
	Index     int            `json:"index"`
	MAC       string         `json:"mac,omitempty"`
	MTU       int            `json:"mtu,omitempty"`
	Addresses []netip.Prefix `json:"addresses,omitempty"`
}

// A Seal is what a host says of a file that it closed.
type Seal struct {
	Witness Witness `json:"witness"`
	File    string  `json:"file"`
	Bytes   int64   `json:"bytes"`
	// Records is how many records the file has: lines, or packets of a capture.
	Records int    `json:"records"`
	SHA256  string `json:"sha256"`
	// Dropped counts what the witness knows it missed: packets that the kernel
	// dropped from a capture's ring, dumps that were interrupted.
	Dropped int `json:"dropped"`
	// Error says why the witness did not do its work to the end.
	Error string `json:"error,omitempty"`
}

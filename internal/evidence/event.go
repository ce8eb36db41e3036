package evidence

import "net/netip"

// What the host agent tells of its work, in the order in which it happens.
const (
	// HostRegistered: the agent runs and knows which host it is.
	HostRegistered = "registered"
	// HostLive: routes are set and every witness watches.
	HostLive = "live"
	// HostStarted: the program runs.
	HostStarted = "started"
	// HostSettled: the program has done what it will do by itself.
	HostSettled = "settled"
	// HostSnapshot: sockets and open files were written down.
	HostSnapshot = "snapshot"
	// HostStopped: the program, if there was one, has ended; no more will be.
	HostStopped = "stopped"
	// HostExited: the program ended, with Status.
	HostExited = "exited"
	// HostFailed: something the agent had to do did not work; Error says what.
	HostFailed = "error"
	// HostClosed: everything is flushed; Seals names the files. The last event.
	HostClosed = "closed"
)

// A HostEvent is one line of the host agent's own account.
type HostEvent struct {
	Header
	Event string `json:"event"`
	// Lab is the SHA-256 of the lab's text, in HostRegistered.
	Lab string `json:"lab,omitempty"`
	// Interfaces are the host's interfaces when its witnesses went live.
	Interfaces []Interface `json:"interfaces,omitempty"`
	PID        int         `json:"pid,omitempty"`
	Command    []string    `json:"command,omitempty"`
	// Status is the program's exit status; 128 and the signal's number for a
	// program that a signal ended.
	Status   *int   `json:"status,omitempty"`
	Snapshot int    `json:"snapshot,omitempty"`
	Error    string `json:"error,omitempty"`
	Seals    []Seal `json:"seals,omitempty"`
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
	SHA256  string  `json:"sha256"`
	// Dropped counts what the witness knows it missed: packets that the
	// kernel dropped from a capture's ring, dumps that were interrupted.
	Dropped int `json:"dropped"`
	// Error says why the witness did not do its work to the end.
	Error string `json:"error,omitempty"`
}

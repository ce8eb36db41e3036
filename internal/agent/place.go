package agent

import (
	"net/netip"
	"os"
)

// A Place is where a host is: the network namespace that its witnesses open
// their sockets in, and that its program runs in.
type Place interface {
	// Enter runs f on an OS thread that is in the host's network namespace and
	// returns f's error. Sockets that f opens stay in that namespace and may be
	// used from anywhere.
	Enter(f func() error) error
	// Start starts a program on the host, as an ordinary user without any
	// capability. The process dies with the one that started it.
	Start(p Program) (Process, error)
}

// A Program is what a host runs.
type Program struct {
	// Args are the program and its arguments. The names server and client mean
	// fourtuple's own programs; others are looked up in PATH.
	Args        []string
	Environment []string // NAME=value, added to a minimal environment
	Directory   string   // empty: /
	Hostname    string
	ExtraHosts  map[string][]netip.Addr
	// Stdout and Stderr are the program's own; Start does not close them.
	Stdout, Stderr *os.File
}

// A Process is a program that was started.
type Process interface {
	// PID is the process's id as the agent sees it.
	PID() int
	// Signal sends a signal; it is no error if the process is gone.
	Signal(os.Signal) error
	// Wait waits for the process to end and returns its exit status; 128 and
	// the signal's number if a signal ended it. It is called once.
	Wait() (status int, err error)
}

// Package agent is what runs first on a host: it records what the host's
// witnesses see, and runs the program under study as an unprivileged child.
package agent

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"os"
	"time"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/run"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// A Config is what an agent needs to know.
type Config struct {
	Host topology.Host
	// Run is the run's id, LabHash the SHA-256 of its lab.json.
	Run, LabHash string
	// Record takes what the agent writes, whole records at a time.
	Record func(w evidence.Witness, records []byte) error
	// Namespace is where the host is.
	Namespace Namespace
	// SetRoutes says that the agent sets the host's routes itself, where the
	// engine cannot.
	SetRoutes bool
	// Poll is how often the witnesses that look rather than listen look while
	// the program runs.
	Poll time.Duration
	// Output, if set, gets what the program prints, in words, line by line.
	Output io.Writer
}

// A Namespace is the network namespace that a host is: its witnesses open their
// sockets in it, and its program runs in it.
type Namespace interface {
	// Do runs f on an OS thread that is in the namespace and returns f's
	// error. Sockets that f opens stay in it and may be used from anywhere.
	Do(f func() error) error
	// Start starts a program there, as an ordinary user without any
	// capability. The process dies with the one that started it.
	Start(p Program) (Process, error)
}

// A Program is what a host runs.
type Program struct {
	// Args are the program and its arguments. server, client and lab are on
	// the PATH of every program.
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

// UnprivilegedID is the user and the group that programs run as where the agent
// is root: nobody, who owns nothing.
const UnprivilegedID = 65534

// An Agent is the agent of one host: a run.Host.
type Agent struct{}

var _ run.Host = (*Agent)(nil)

// New makes the agent of a host and registers it in its account.
func New(c Config) (*Agent, error) { return nil, errors.ErrUnsupported }

// Do does a step.
func (a *Agent) Do(ctx context.Context, step topology.Step) (run.Report, error) {
	return run.Report{}, errors.ErrUnsupported
}

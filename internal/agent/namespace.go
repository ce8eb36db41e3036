package agent

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// A Namespace is the network namespace that a host is: its witnesses open their
// sockets in it, and its program runs in it.
type Namespace interface {
	// Do runs f on an OS thread that is in the namespace and returns f's
	// error. Sockets that f opens stay in it and may be used from anywhere.
	Do(f func() error) error
	// Start starts a program there, as an ordinary user without any
	// capability, unless ctx ends before that is begun. The process dies with
	// the one that started it.
	Start(ctx context.Context, p Program) (Process, error)
}

// A Program is what a host runs.
type Program struct {
	// Args are the program and its arguments. server, client, socket and
	// lab are on the PATH of every program.
	Args        []string
	Environment []string // NAME=value, added to a minimal environment
	Directory   string   // empty: /
	Hostname    string
	ExtraHosts  map[string][]netip.Addr
	// Stdin, Stdout and Stderr are the program's own; Start does not close them.
	// Without Stdin there is nothing to read.
	Stdin, Stdout, Stderr *os.File
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

// DefaultPath is where programs are looked up if nobody says otherwise.
const DefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// FullEnvironment is a program's environment: what it inherits, over that its own
// variables, where programs are looked up (in ours, the folder that has
// run.Programs, before anything else; in DefaultPath if nobody says otherwise),
// and its home. Each variable is in it once, as programs disagree about which of
// two counts.
func (p *Program) FullEnvironment(ours string, inherited []string) []string {
	values := map[string]string{"PATH": DefaultPath}
	for _, variable := range slices.Concat(inherited, []string{"HOME=/"}, p.Environment) {
		name, value, _ := strings.Cut(variable, "=")
		values[name] = value
	}
	if values["PATH"] != ours {
		values["PATH"] = ours + ":" + values["PATH"]
	}
	var environment []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		environment = append(environment, name+"="+values[name])
	}
	return environment
}

// Executable looks up the program's file as execvp(3) does, by the PATH of the
// environment that it will have.
func (p *Program) Executable(environment []string) (string, error) {
	name := p.Args[0]
	if strings.Contains(name, "/") {
		if !filepath.IsAbs(name) {
			name = filepath.Join("/", p.Directory, name)
		}
		return exec.LookPath(name)
	}
	var path string
	for _, variable := range environment {
		if value, ok := strings.CutPrefix(variable, "PATH="); ok {
			path = value
		}
	}
	for _, dir := range filepath.SplitList(path) {
		if found, err := exec.LookPath(filepath.Join("/", dir, name)); err == nil {
			return found, nil
		}
	}
	return "", fmt.Errorf("%w, which is %s on this host", exec.ErrNotFound, path)
}

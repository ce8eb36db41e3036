// Package run walks a lab's steps over its hosts: it is the coordinator, one
// for every engine, and the stream between a coordinator and hosts that are
// elsewhere.
//
// # The run
//
// Run lets an engine make the lab's hosts real, opens the witnesses of all of
// them, walks the lab's steps, stops what still runs, closes all hosts, and lets
// the engine undo what it made. A step's hosts do it at once, each one its
// targets one after the other, and a step begins when the one before it is done
// everywhere; nothing waits for a time where it can wait for a thing to happen.
// A host has one method, Do.
//
// The coordinator itself waits and sleeps. Before a Wait the host looks at its
// tables, so that nothing is found in them that is there no more; what the
// host's witness records then comes to the step's watch (Setup.Watch). When such
// a step is done, or failed, its hosts are told.
//
// Five things can go wrong with a run:
//
//   - A host says why it cannot open its witnesses or start its program: then
//     the run could not be made. Run breaks off and returns that error.
//   - A step fails that what comes after it is to be seen of (topology.EndsRun):
//     no step is done any more but Stop. Options.OnHostError is told, and the
//     hosts that failed note it.
//   - A host dies, or fails at anything else: that costs its own evidence.
//     Options.OnHostError is told, and the run goes on.
//   - The lab's limit ends, or a host's container is told to stop: what is being
//     waited for is cut short, and programs that have not been started are not,
//     as the agents note. If nothing else was to be done before it, the next
//     snapshot is taken. Any other step fails then, and so does another snapshot.
//   - The context ends: the same, and programs are killed instead of asked to
//     end.
//
// # The stream
//
// An agent in the coordinator's own process is a Host as it is. Any other is led
// over one stream of bytes, for instance the standard streams of its container
// (Connect) or a Unix socket (Listener); Serve is the agent's end. Over it go
// JSON objects, one a line of at most 1 MiB:
//
//	agent        {"hello": …}            who it is; its first line
//	coordinator  {"setup": …}            the run, the host, how to watch it; its first line
//	coordinator  {"id": 1, "step": …}    do this
//	coordinator  {"id": 1, "cancel": …}  wait no longer in that step
//	agent        {"id": 1, "done": true} that step is done, or failed with an "error"
//	agent        {"evidence": …}         whole records of a witness, for the run folder
//	agent        {"leaving": …}          its container is being stopped: it asks to be closed
//
// Nothing is acknowledged: what one side does not read, the other cannot write.
// The end of the stream is the end of the host, whatever was half said. Both
// sides must be of the same Version.
package run

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// A Host does steps. Do returns when the step is done, or when ctx ends: a
// start whose program is not ready by then is done all the same, as the host's
// account says, and a program that is to stop is killed. A host whose agent died
// answers every step with an error that is ErrDead.
type Host interface {
	Do(ctx context.Context, step topology.Step) error
}

// ErrDead is why a host that is gone does no step: its stream ended.
var ErrDead = errors.New("the host is gone")

// A Recorder takes whole records of a host's witness, in their order. None say
// that the witness has a file, and that a table is empty.
type Recorder func(host string, w evidence.Witness, records []byte) error

// A Setup is what an engine is given to make a lab's hosts real.
type Setup struct {
	// ID is the run's id, LabHash the SHA-256 of its lab.json: every agent
	// notes both.
	ID, LabHash string
	Lab         *topology.Lab
	// Record takes what the hosts' agents write.
	Record Recorder
	// Watch makes a watch of a Wait step: what tells, given all records of the
	// table's witness as they come, whether the wait is over. It may be nil for a
	// lab that does not wait.
	Watch func(step topology.Step) (func(records []byte) (bool, error), error)
	// Progress, if set, is told how far bringing up the hosts is.
	Progress func(done, total int)
	// leaving, if set, cuts the run short because a host is to end.
	leaving func(error)
}

// A Network is a lab that an engine made real.
type Network struct {
	// Hosts has every host of the lab; each one's agent runs and has opened
	// nothing yet.
	Hosts map[string]Host
	// Enter says, for each host, the command by which a person enters it.
	Enter map[string]string
	// Down undoes all that the engine made, whatever has failed before, and
	// joins the errors that it meets. It is called once.
	Down func(ctx context.Context) error
}

// An Engine makes labs real. Up returns when every host's agent runs; on an
// error it leaves nothing.
type Engine interface {
	Up(ctx context.Context, s Setup) (*Network, error)
	// Version is the engine's name and version, as "docker 29.1.3".
	Version(ctx context.Context) (string, error)
}

// Options are what a run may do besides running.
type Options struct {
	// Pause, if set, is called when the last snapshot of the lab's steps is
	// taken, with the network; the lab stays up until it returns, as it has to
	// when ctx ends. The snapshot is then taken once more.
	Pause func(ctx context.Context, n *Network)
	// Progress, if set, is told what is done, as "type server: listen 12000", and
	// how many of all its hosts have done it, 0 when it begins, by one goroutine
	// after another.
	Progress func(step string, done, total int)
	// OnHostError, if set, is called when a host is lost on the way, cannot give
	// all its evidence, or cannot be undone: the run goes on, and the verdict will
	// miss what is missing.
	OnHostError func(error)
}

// Capabilities are what a host's agent needs in a container, and no more:
// NET_ADMIN sets routes, NET_RAW captures, SETUID, SETGID and SETPCAP start the
// program as an ordinary user without any capability, KILL stops it.
var Capabilities = []string{"NET_ADMIN", "NET_RAW", "SETUID", "SETGID", "SETPCAP", "KILL"}

// IsOurs tells whether a container image is one of ours for hosts, which have the
// agent. Any other gets it from the first of them.
func IsOurs(image string) bool {
	return slices.Contains(Images, strings.TrimSuffix(image, ":latest"))
}

// Images are the container images that are made for hosts.
var Images = []string{"fourtuple/server", "fourtuple/client"}

// AgentFolder is where our images have lab and Programs, and where other images
// get them: no image has anything of its own there.
const AgentFolder = "/.fourtuple"

// Programs are the names of our programs on every program's PATH, beside lab's.
var Programs = []string{"server", "client", "socket"}

// Routed are the options of a lab's networks. Docker 28 and newer drop what one
// bridge network routes to another, unless the networks are in routed mode; and
// Docker's own masquerading would replace the clients' addresses by a bridge's
// on the way. Both must be off whatever the lab says, or its result would be
// one about Docker.
var Routed = map[string]string{
	"com.docker.network.bridge.gateway_mode_ipv4":    "routed",
	"com.docker.network.bridge.enable_ip_masquerade": "false",
}

// Routed6 are further ones, of networks with IPv6.
var Routed6 = map[string]string{"com.docker.network.bridge.gateway_mode_ipv6": "routed"}

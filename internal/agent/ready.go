package agent

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// waitReady waits until the program is ready (topology.Ready). If ctx ends
// before, it returns what it waits for. known are the sockets from before the
// program.
func (a *Agent) waitReady(ctx context.Context, known []evidence.Socket) (string, error) {
	announced := a.program.announced
	var what string
	var elapsed, poll <-chan time.Time
	switch a.Host.Ready.When {
	case topology.ReadyStarted:
		return "", nil
	case topology.ReadyExit:
		what, announced = "the program to end", nil
	case topology.ReadyAfter:
		what, announced = fmt.Sprintf("%v to pass", a.Host.Ready.After), nil
		elapsed = time.After(a.Host.Ready.After)
	case topology.ReadyEvent:
		what = `the program to print the event "listening" or "holding"`
	default:
		what = "a socket of the program that listens or is connected"
		poll = time.After(0)
	}
	for pause := firstPause; ; pause = longer(pause) {
		select {
		case <-announced:
			return "", nil
		case <-a.program.ended:
			return "", nil
		case <-elapsed:
			return "", nil
		case <-ctx.Done():
			if poll == nil {
				return what, nil
			}
			return what + a.stateOfSockets(known), nil
		case <-poll:
			rows, err := a.tables.look()
			if err != nil || slices.ContainsFunc(without(rows, known), atWork) {
				return "", err
			}
			poll = time.After(pause)
		}
	}
}

// stateOfSockets says what sockets there are instead of the one waited for.
func (a *Agent) stateOfSockets(known []evidence.Socket) string {
	rows, err := a.tables.look()
	rows = without(rows, known)
	if err != nil || len(rows) == 0 {
		return ""
	}
	var states []string
	for _, s := range rows {
		states = append(states, fmt.Sprintf("%s to %s is %s", s.Local, s.Remote, s.State))
	}
	return " (" + strings.Join(states[:min(3, len(states))], ", ") + ")"
}

// without are the sockets that are not among those that were known before, as
// the ones that a container engine has in a container's namespace.
func without(rows, known []evidence.Socket) []evidence.Socket {
	return slices.DeleteFunc(rows, func(s evidence.Socket) bool {
		return slices.ContainsFunc(known, func(k evidence.Socket) bool {
			return k.Protocol == s.Protocol && k.Local == s.Local && k.Remote == s.Remote && k.Inode == s.Inode
		})
	})
}

// dns is the port that names are asked for on.
const dns = 53

// atWork tells whether a socket listens, is or was connected, or, of UDP, is
// bound. A socket that asks for a name is none of it.
func atWork(s evidence.Socket) bool {
	if strings.HasPrefix(s.Protocol, "udp") {
		return s.Local.Port() != 0 && s.Remote.Port() != dns
	}
	switch s.State {
	case evidence.SynSent, evidence.SynReceived, evidence.Closed:
		return false
	}
	return true
}

package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
	"github.com/fourtuple/fourtuple/internal/witness"
)

// waitReady waits until a program is ready (topology.Ready). If ctx ends before,
// it returns what it waits for. known are the sockets from before the program.
func (a *Agent) waitReady(ctx context.Context, p *program, ready topology.Ready, known []evidence.Socket) (string, error) {
	announced := p.announced
	var what string
	var elapsed, poll <-chan time.Time
	switch ready.When {
	case topology.ReadyStarted:
		return "", nil
	case topology.ReadyExit:
		what, announced = "the program to end", nil
	case topology.ReadyAfter:
		what, announced = fmt.Sprintf("%v to pass", ready.After), nil
		elapsed = time.After(ready.After)
	case topology.ReadyEvent:
		what = `the program to print the event "listening", "holding" or "prompt"`
	default:
		what = "a socket of the program that listens or is connected"
		poll = time.After(0)
	}
	for pause := firstPause; ; pause = longer(pause) {
		select {
		case <-announced:
			return "", nil
		case <-p.ended:
			return "", nil
		case <-elapsed:
			return "", nil
		case <-ctx.Done():
			if poll == nil {
				return what, nil
			}
			return what + a.stateOfSockets(p, known), nil
		case <-poll:
			rows, err := a.socketsOf(p, known)
			if err != nil || slices.ContainsFunc(rows, atWork) {
				return "", err
			}
			poll = time.After(pause)
		}
	}
}

// socketsOf are the sockets of a program: those that one of its processes has
// open, and, while no other program runs, those that nobody has open any more
// and that were not there before the program.
func (a *Agent) socketsOf(p *program, known []evidence.Socket) ([]evidence.Socket, error) {
	rows, err := a.tables.look()
	if err != nil {
		return nil, err
	}
	files, err := witness.OpenFiles(p.PID())
	if err != nil && !errors.Is(err, witness.ErrGone) && !errors.Is(err, witness.ErrEnding) {
		return nil, err
	}
	open := make(map[uint64]bool)
	for _, f := range files {
		open[f.Inode] = f.Inode != 0
	}
	alone := !slices.ContainsFunc(a.programs, func(q *program) bool { return q != p && !q.hasEnded() })
	return slices.DeleteFunc(rows, func(s evidence.Socket) bool {
		if s.Inode != 0 {
			return !open[s.Inode]
		}
		return !alone || !slices.Contains(closedStates, s.State) || slices.ContainsFunc(known, func(k evidence.Socket) bool {
			return k.Protocol == s.Protocol && k.Local == s.Local && k.Remote == s.Remote
		})
	}), nil
}

// closedStates are those of a connection that its own side has closed.
var closedStates = []string{evidence.FinWait1, evidence.FinWait2, evidence.Closing, evidence.LastAck, evidence.TimeWait}

// stateOfSockets says what sockets there are instead of the one waited for.
func (a *Agent) stateOfSockets(p *program, known []evidence.Socket) string {
	rows, err := a.socketsOf(p, known)
	if err != nil || len(rows) == 0 {
		return ""
	}
	var states []string
	for _, s := range rows {
		states = append(states, fmt.Sprintf("%s to %s is %s", s.Local, s.Remote, s.State))
	}
	return " (" + strings.Join(states[:min(3, len(states))], ", ") + ")"
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

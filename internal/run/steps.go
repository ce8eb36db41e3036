package run

import (
	"context"
	"os"
	"time"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// conductFile is the conductor's file in the run folder while it conducts. The
// conductor that lives holds a lock on it, so a file that an earlier one left
// cannot be taken for its own.
const conductFile = ".conduct"

// Either end looks for news every poll, and more rarely the longer it has
// waited, down to every slowPoll: thirty hosts that look every 3 ms while the
// last of them starts keep two cores busy.
const (
	poll     = 3 * time.Millisecond
	slowPoll = 50 * time.Millisecond
)

// Claim takes the lock of a host's account: while it is held, the host lives.
func Claim(account *os.File) error { return hold(account) }

// A step is one of the six things that a conductor asks for, and the event that
// answers it.
type step struct {
	command string
	answer  string
	do      func(Host, context.Context) error
}

var steps = []step{
	{"open", evidence.HostLive, Host.Open},
	{"start", evidence.HostStarted, Host.Start},
	{"settle", evidence.HostSettled, Host.Settle},
	{"snapshot", evidence.HostSnapshot, Host.Snapshot},
	{"stop", evidence.HostStopped, Host.Stop},
	{"close", evidence.HostClosed, Host.Close},
}

func stepOf(command string) (step, bool) {
	for _, s := range steps {
		if s.command == command {
			return s, true
		}
	}
	return step{}, false
}

// until calls done until it says true or fails, or ctx ends. It notices what
// has happened later by a twentieth of the time that it has waited, at most.
func until(ctx context.Context, done func() (bool, error)) error {
	begun := time.Now()
	timer := time.NewTimer(poll)
	defer timer.Stop()
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		timer.Reset(min(max(time.Since(begun)/20, poll), slowPoll))
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-timer.C:
		}
	}
}

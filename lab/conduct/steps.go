package conduct

import (
	"context"
	"os"
	"time"

	"github.com/fourtuple/fourtuple/lab/evidence"
)

// conductFile is the conductor's file in the run folder while it conducts. The
// conductor that lives holds a lock on it, so a file that an earlier one left
// cannot be taken for its own.
const conductFile = ".conduct"

// poll is how often either end looks for news. Looking costs a system call.
const poll = 3 * time.Millisecond

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

// until calls done every few milliseconds until it says true or fails, or ctx
// ends.
func until(ctx context.Context, done func() (bool, error)) error {
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
}

package run

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// Arrival bounds how long the conductor waits for a host to appear.
const Arrival = 60 * time.Second

var (
	// errDead is what a host's silence means when nobody holds its lock.
	errDead = errors.New("the host died: its agent ended without closing its evidence")
	// errAbsent is what it means that a host has no account.
	errAbsent = errors.New("the host never appeared")
)

// A Remote is a host that is led over the run folder.
type Remote struct {
	name    string
	baton   *Baton
	account *os.File
	reader  *bufio.Reader
	partial []byte
}

// Remotely leads the named host over the baton's run folder.
func (b *Baton) Remotely(name string) *Remote { return &Remote{name: name, baton: b} }

// The steps of a remote host: a command, and then its answer.

func (r *Remote) Open(ctx context.Context) error {
	within := arrivalWithin(ctx)
	arrival, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("%w within %v", errAbsent, within.Round(time.Second)))
	defer cancel()
	if err := until(arrival, r.appeared); err != nil {
		return err
	}
	return r.ask(ctx, "open")
}

func (r *Remote) Start(ctx context.Context) error    { return r.ask(ctx, "start") }
func (r *Remote) Settle(ctx context.Context) error   { return r.ask(ctx, "settle") }
func (r *Remote) Snapshot(ctx context.Context) error { return r.ask(ctx, "snapshot") }
func (r *Remote) Stop(ctx context.Context) error     { return r.ask(ctx, "stop") }

func (r *Remote) Close(ctx context.Context) error {
	err := r.ask(ctx, "close")
	if r.account != nil {
		err = errors.Join(err, r.account.Close())
	}
	return err
}

// arrivalWithin is Arrival, but no more than half of the time that the run has
// left: without the host that is absent, the others must still be able to run.
func arrivalWithin(ctx context.Context) time.Duration {
	end, limited := ctx.Deadline()
	if !limited {
		return Arrival
	}
	return min(Arrival, time.Until(end)/2)
}

// appeared opens the host's account once its host holds it. A host locks its
// account before it writes the first word, so one that is not empty and not
// held is a dead host's.
func (r *Remote) appeared() (bool, error) {
	file, err := os.Open(filepath.Join(r.baton.dir, evidence.FileName(r.name, evidence.Agent)))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	alive, err := held(file)
	info, statErr := file.Stat()
	if err := errors.Join(err, statErr); err != nil || !alive && info.Size() == 0 {
		return false, errors.Join(err, file.Close())
	}
	r.account, r.reader = file, bufio.NewReader(file)
	return true, nil
}

// ask gives a command and waits for the event that answers it.
func (r *Remote) ask(ctx context.Context, command string) error {
	if r.account == nil {
		return errAbsent
	}
	if err := r.baton.say(r.name, command); err != nil {
		return err
	}
	asked, _ := stepOf(command)
	return until(ctx, func() (bool, error) { return r.answered(asked.answer) })
}

// answered reads on in the host's account. A host that holds no lock any more
// is dead, unless its last words are still to be read.
func (r *Remote) answered(answer string) (bool, error) {
	alive, err := held(r.account)
	if err != nil {
		return false, err
	}
	for {
		event, ok, err := r.next()
		if err != nil {
			return false, err
		}
		if !ok {
			break
		}
		switch event.Event {
		case answer:
			return true, nil
		case evidence.HostFailed:
			return false, errors.New(event.Error)
		}
	}
	if !alive {
		return false, errDead
	}
	return false, nil
}

// next is the next event of the account; none if the next line is not whole.
func (r *Remote) next() (event evidence.HostEvent, ok bool, err error) {
	line, err := r.reader.ReadBytes('\n')
	r.partial = append(r.partial, line...)
	if errors.Is(err, io.EOF) {
		return event, false, nil
	}
	if err != nil {
		return event, false, err
	}
	line, r.partial = r.partial, nil
	return event, true, json.Unmarshal(bytes.TrimSpace(line), &event)
}

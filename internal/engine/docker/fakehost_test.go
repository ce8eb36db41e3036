//go:build unix

package docker

import (
	"context"
	"errors"
	"fmt"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/run"
)

// obey is the container of a host that does what the conductor asks, and
// nothing else.
func obey(ctx context.Context, c *fakeContainer) int {
	if err := follow(ctx, c.folder(), c.part()); err != nil {
		fmt.Fprintf(&c.errs, "lab: %v\n", err)
		return 2
	}
	return 0
}

func follow(ctx context.Context, folder, name string) (err error) {
	score, err := run.Await(ctx, folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, score.Close()) }()
	account, err := evidence.Create(folder, name, evidence.Agent)
	if err != nil {
		return err
	}
	if err := run.Claim(account.File()); err != nil {
		return err
	}
	return score.Follow(ctx, name, obedient{account})
}

// An obedient is a host that answers each step in its account.
type obedient struct{ account *evidence.Output }

func (o obedient) answer(event string) error {
	return evidence.Append(o.account, evidence.HostEvent{Event: event})
}

func (o obedient) Open(context.Context) error     { return o.answer(evidence.HostLive) }
func (o obedient) Start(context.Context) error    { return o.answer(evidence.HostStarted) }
func (o obedient) Settle(context.Context) error   { return o.answer(evidence.HostSettled) }
func (o obedient) Snapshot(context.Context) error { return o.answer(evidence.HostSnapshot) }
func (o obedient) Stop(context.Context) error     { return o.answer(evidence.HostStopped) }

func (o obedient) Close(context.Context) error {
	err := o.answer(evidence.HostClosed)
	_, closeErr := o.account.Close()
	return errors.Join(err, closeErr)
}

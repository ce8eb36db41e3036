package docker

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"
)

// atOnce is how many things the engine is asked for at a time. More do not make
// a run faster, as the engine takes turns in places.
const atOnce = 8

// requestWithin bounds one thing that the engine is asked to make.
const requestWithin = 60 * time.Second

// each does a thing with all of these, some at once, until one fails or ctx
// ends. What has begun is finished before it returns: a request that is cut
// off on its way may still make something. One, if set, is called after each.
func each[T any](ctx context.Context, all []T, one func(), do func(context.Context, T) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, thing := range all {
		group.Go(func() error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			whole, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestWithin)
			defer cancel()
			err := do(whole, thing)
			if err == nil && one != nil {
				one()
			}
			return err
		})
	}
	return group.Wait()
}

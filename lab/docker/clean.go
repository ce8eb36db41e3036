package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
)

// Clean removes the containers and networks of runs that are not alive any
// more, and nothing else; it says what it removed. That no engine answers is
// no error: then there is nothing to clean.
func Clean(ctx context.Context, out io.Writer) error {
	cli, err := dial(ctx)
	if unreachable := (*Unreachable)(nil); errors.As(err, &unreachable) && !unreachable.Denied {
		fmt.Fprintf(out, "no Docker engine answers at %s: nothing to clean there\n", unreachable.Endpoint)
		return nil
	}
	if err != nil {
		return err
	}
	runs, now, err := findRuns(ctx, cli)
	if err != nil {
		return errors.Join(fmt.Errorf("look for what runs left: %w", err), cli.Close())
	}
	errs := []error{}
	for _, id := range slices.Sorted(maps.Keys(runs)) {
		if reason := runs[id].alive(now); reason != "" {
			fmt.Fprintf(out, "left run %s alone: %s\n", id, reason)
			continue
		}
		removed, err := runs[id].remains(cli).remove(ctx)
		for _, thing := range removed {
			fmt.Fprintf(out, "removed %s\n", thing)
		}
		errs = append(errs, err)
	}
	return errors.Join(append(errs, cli.Close())...)
}

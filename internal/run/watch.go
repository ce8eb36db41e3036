package run

import (
	"context"
	"fmt"
	"sync"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// A watch tells whether a Wait step is over, by what a host's witness has
// recorded so far.
type watch struct {
	host    string
	witness evidence.Witness
	told    chan struct{} // has one when there is news

	mu   sync.Mutex
	feed func(records []byte) (bool, error)
	over bool
	err  error
}

// newWatches makes a watch for each of the lab's Wait steps, and has what the
// hosts record come to it.
func newWatches(s *Setup) (map[int]*watch, error) {
	watches := make(map[int]*watch)
	for _, step := range s.Lab.Steps {
		if step.Action != topology.Wait {
			continue
		}
		if s.Watch == nil || len(step.On) != 1 {
			return nil, fmt.Errorf("step %d: nobody can tell when this is over: %s", step.Number, step)
		}
		feed, err := s.Watch(step)
		if err != nil {
			return nil, fmt.Errorf("step %d: %s: %w", step.Number, step, err)
		}
		watches[step.Number] = &watch{
			host: step.On[0], witness: evidence.Witness(step.Table), told: make(chan struct{}, 1), feed: feed,
		}
	}
	record := s.Record
	if len(watches) > 0 {
		s.Record = func(host string, w evidence.Witness, records []byte) error {
			err := record(host, w, records)
			for _, watch := range watches {
				if watch.host == host && watch.witness == w {
					watch.take(records)
				}
			}
			return err
		}
	}
	return watches, nil
}

// take takes what was recorded. No records at all are those of an empty table.
func (w *watch) take(records []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.err != nil:
		return
	case len(records) == 0:
		w.over = false
		return
	}
	w.over, w.err = w.feed(records)
	select {
	case w.told <- struct{}{}:
	default:
	}
}

// wait returns when the step is over, or why it cannot be, or why ctx ended.
func (w *watch) wait(ctx context.Context) error {
	for {
		w.mu.Lock()
		over, err := w.over, w.err
		w.mu.Unlock()
		if over || err != nil {
			return err
		}
		select {
		case <-w.told:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

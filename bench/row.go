package main

import (
	"context"
	"errors"
	"slices"
	"time"
)

// A row is one thing to measure, and the peer that does the same.
type row struct {
	name string
	ours measurement
	peer measurement // nil: nobody
	// peerName and unit belong to the peer and to what the row's sum is divided
	// by; 0: by nothing.
	peerName string
	subnets  int
}

// A measurement does something once and says how long its parts took.
type measurement func(context.Context) (cost, error)

// A cost is how long something took to be there and to be gone.
type cost struct{ up, down time.Duration }

func (c cost) sum() time.Duration { return c.up + c.down }

// A result is what was measured; peer is zero if there was none.
type result struct {
	row
	ours, peer cost
	err        error
}

// measure takes turns between us and the peer, so that whatever else the
// machine does meets both, and keeps the medians.
func (r row) measure(ctx context.Context, runs int) result {
	var ours, peer []cost
	result := result{row: r}
	for range runs {
		c, err := r.ours(ctx)
		if err != nil {
			result.err = err
			return result
		}
		ours = append(ours, c)
		if r.peer == nil {
			continue
		}
		c, err = r.peer(ctx)
		if errors.Is(err, errNoPeer) {
			r.peer = nil
			continue
		}
		if err != nil {
			result.err = err
			return result
		}
		peer = append(peer, c)
	}
	result.ours, result.peer = median(ours), median(peer)
	return result
}

// errNoPeer is for a peer that is not installed.
var errNoPeer = errors.New("not installed")

// median returns the run whose sum is the median one.
func median(costs []cost) cost {
	if len(costs) == 0 {
		return cost{}
	}
	slices.SortFunc(costs, func(a, b cost) int { return int(a.sum() - b.sum()) })
	return costs[len(costs)/2]
}

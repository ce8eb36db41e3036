package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/fourtuple/fourtuple/internal/engine/netns"
)

// wireOurs makes a star once and takes it down. It is up when Build returns,
// for then every link carries; it is down when the kernel has removed the
// links, which is later than Close returns.
func wireOurs(subnets int) measurement {
	return func(ctx context.Context) (took cost, err error) {
		lab := star(subnets)
		start := time.Now()
		n, err := netns.Build(ctx, lab, netns.Options{})
		if err != nil {
			return cost{}, err
		}
		took.up = time.Since(start)
		if err := reached(n, subnets); err != nil {
			return cost{}, errors.Join(err, n.Close())
		}
		watch, err := newWatch(n, subnets)
		if err != nil {
			return cost{}, errors.Join(err, n.Close())
		}
		defer watch.close()
		start = time.Now()
		if err := n.Close(); err != nil {
			return cost{}, err
		}
		if err := watch.gone(ctx); err != nil {
			return cost{}, err
		}
		took.down = time.Since(start)
		return took, watch.rest(ctx)
	}
}

// reached says whether the last host answers the first: it refuses, since
// nobody listens there.
func reached(n *netns.Network, subnets int) error {
	last := net.JoinHostPort(address(subnets-1, 10).String(), "1")
	return n.Host("h0").Enter(func() error {
		c, err := net.DialTimeout("tcp4", last, 5*time.Second)
		if err == nil {
			return errors.Join(fmt.Errorf("somebody listens on %s", last), c.Close())
		}
		if errors.Is(err, syscall.ECONNREFUSED) {
			return nil
		}
		return err
	})
}

package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/fourtuple/fourtuple/internal/engine/netns"
)

// A watch tells when the kernel has taken a network down. It keeps one end of
// a wire whose other end is in a host, and sees it go with the host. The kernel
// takes namespaces down in batches, in the order in which they were closed;
// there is a wire into the first, a middle and the last of them.
type watch struct {
	namespace int
	links     *netlink.Handle
}

func newWatch(n *netns.Network, subnets int) (*watch, error) {
	w := &watch{namespace: -1}
	if err := w.open(); err != nil {
		w.close()
		return nil, err
	}
	for i, host := range []string{"h0", fmt.Sprintf("h%d", subnets/2), "router"} {
		err := n.Host(host).Enter(func() error {
			return netlink.LinkAdd(&netlink.Veth{
				LinkAttrs:     netlink.LinkAttrs{Name: "watch"},
				PeerName:      fmt.Sprintf("watch%d", i),
				PeerNamespace: netlink.NsFd(w.namespace),
			})
		})
		if err != nil {
			w.close()
			return nil, fmt.Errorf("watch %s: %w", host, err)
		}
	}
	return w, nil
}

// open makes a namespace.
func (w *watch) open() error {
	return onThread(func() (err error) {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
		if w.namespace, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
			return err
		}
		w.links, err = netlink.NewHandle(unix.NETLINK_ROUTE)
		return err
	})
}

// gone waits until all wires are gone.
func (w *watch) gone(ctx context.Context) error {
	for {
		links, err := w.links.LinkList()
		if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
			return err
		}
		if err == nil && len(links) == 1 { // lo
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
}

// rest waits until the kernel has nothing left of what was closed before: it
// takes namespaces down one batch after another, so that one which is closed
// now is the last. Without it a run would pay for the one before.
func (w *watch) rest(ctx context.Context) error {
	err := onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
		return netlink.LinkAdd(&netlink.Veth{
			LinkAttrs:     netlink.LinkAttrs{Name: "last"},
			PeerName:      "last",
			PeerNamespace: netlink.NsFd(w.namespace),
		})
	})
	if err != nil {
		return fmt.Errorf("wait for the kernel: %w", err)
	}
	return w.gone(ctx)
}

// onThread runs f on a thread that ends with it, and in whose namespace
// nothing else ever runs. The process's first thread cannot end.
func onThread(f func() error) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			err := onThread(f) // on another one, while this one is locked
			runtime.UnlockOSThread()
			result <- err
			return
		}
		result <- f()
	}()
	return <-result
}

func (w *watch) close() {
	if w.links != nil {
		w.links.Close()
	}
	if w.namespace >= 0 {
		unix.Close(w.namespace)
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/fourtuple/fourtuple/lab/netns"
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

// open makes a namespace, on a thread that ends with its goroutine.
func (w *watch) open() error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread()
		result <- func() (err error) {
			if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
				return err
			}
			if w.namespace, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
				return err
			}
			w.links, err = netlink.NewHandle(unix.NETLINK_ROUTE)
			return err
		}()
	}()
	return <-result
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

func (w *watch) close() {
	if w.links != nil {
		w.links.Close()
	}
	if w.namespace >= 0 {
		unix.Close(w.namespace)
	}
}

package netns

import (
	"context"
	"fmt"
	"os"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// A worker carries out tasks on one OS thread, which it moves from namespace
// to namespace.
type worker struct {
	ctx     context.Context
	network *Network
	origin  *os.File
	sysctls sysctls
	// at is the host that the thread is in, "" for where it came from; routing
	// is that namespace's rtnetlink socket, nil until it is needed.
	at      string
	routing *nl.SocketHandle
}

// A doer is a step that this system knows how to do.
type doer interface{ do(*worker, task) error }

func (w *worker) run(t task) error {
	for _, s := range t.steps {
		d, ok := s.(doer)
		if !ok {
			return fmt.Errorf("%s: %s: no such step", t.host, s)
		}
		if err := d.do(w, t); err != nil {
			return fmt.Errorf("%s: %s: %w", t.host, s, err)
		}
	}
	return nil
}

// enter moves the thread into the host's namespace.
func (w *worker) enter(host string) error {
	if w.at == host {
		return nil
	}
	namespace, err := w.network.namespace(host)
	if err != nil {
		return err
	}
	w.forget()
	if err := setNamespace(namespace); err != nil {
		return err
	}
	w.at = host
	return nil
}

// send has the kernel do something in the task's host.
func (w *worker) send(t task, req *nl.NetlinkRequest) error {
	_, err := w.ask(t, req, 0)
	return err
}

// ask has the kernel do something in the task's host and returns the messages
// of that type that it answers with.
func (w *worker) ask(t task, req *nl.NetlinkRequest, answer uint16) ([][]byte, error) {
	if err := w.enter(t.host); err != nil {
		return nil, err
	}
	if w.routing == nil {
		socket, err := nl.Subscribe(unix.NETLINK_ROUTE)
		if err != nil {
			return nil, fmt.Errorf("open a routing socket: %w", err)
		}
		w.routing = &nl.SocketHandle{Socket: socket}
	}
	req.Sockets = map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: w.routing}
	return req.Execute(unix.NETLINK_ROUTE, answer)
}

// forget closes what belongs to the namespace that the thread is in.
func (w *worker) forget() {
	if w.routing != nil {
		w.routing.Close()
		w.routing = nil
	}
}

// leave brings the thread back to where it came from.
func (w *worker) leave() error {
	w.forget()
	w.sysctls.close()
	defer w.origin.Close()
	return setNamespace(w.origin)
}

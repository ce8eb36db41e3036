package run

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/fourtuple/fourtuple/internal/topology"
)

const (
	// DefaultSocket is where the agents of a lab that Compose starts find the
	// coordinator: in a volume that no other container mounts.
	DefaultSocket = "/control/judge.sock"
	// JoinTimeout is how long a Listener waits for another host to join.
	JoinTimeout = 30 * time.Second
	// helloTimeout bounds how long an agent that has connected is silent.
	helloTimeout = 5 * time.Second
)

// A Listener is the engine of a lab whose hosts somebody else starts, as Compose
// does: it listens on a Unix socket (unix(7)) and waits for the agent of every
// host of the lab. Before any of them is told anything, the socket is removed,
// so that no program of the lab can reach it.
//
// A host that the lab does not have, one that comes twice and one that is not
// what the lab says are errors that name it. Then, and when the coordinator is
// killed, the socket's file stays: an agent that comes too late can tell that
// there was a coordinator, which has had its words.
//
// Down leaves the streams open until the process ends: the agents wait for that
// (see Serve), so that the coordinator's container is the first to end.
type Listener struct {
	// Socket is the socket's path, DefaultSocket if empty.
	Socket string
	// Timeout is how long to wait for another host to join, JoinTimeout if 0.
	Timeout time.Duration
}

// Version is Compose's name; its containers' engine is out of reach.
func (Listener) Version(context.Context) (string, error) { return "compose", nil }

// Up waits for the agents of all hosts.
func (l Listener) Up(ctx context.Context, s Setup) (*Network, error) {
	if l.Socket == "" {
		l.Socket = DefaultSocket
	}
	if l.Timeout == 0 {
		l.Timeout = JoinTimeout
	}
	listener, err := listen(l.Socket)
	if err != nil {
		return nil, err
	}
	conns := make(map[string]*conn, len(s.Lab.Hosts))
	err = l.gather(ctx, listener, s, conns)
	if err == nil {
		err = os.Remove(l.Socket)
	}
	_ = listener.Close() // it may be closed, as ctx has ended
	if err != nil {
		for _, c := range conns {
			_ = c.stream.Close() // nobody has been told anything
		}
		return nil, err
	}
	hosts := make(map[string]Host, len(conns))
	for _, h := range s.Lab.Hosts {
		hosts[h.Name] = newRemote(conns[h.Name], s, h, nil)
	}
	return &Network{Hosts: hosts, Down: func(context.Context) error { return nil }}, nil
}

// listen listens on a socket that users without privilege may connect to. It
// replaces the socket that a killed coordinator left there.
func listen(path string) (*net.UnixListener, error) {
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() == os.ModeSocket {
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("listen for the lab's hosts: %w: mount a volume for %s that the hosts share", err, path)
	}
	listener.SetUnlinkOnClose(false)
	if err := os.Chmod(path, 0o666); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return listener, nil
}

// gather takes one agent after the other, until every host of the lab is there
// or ctx ends. The hosts that have joined are in conns also with an error.
func (l Listener) gather(ctx context.Context, listener *net.UnixListener, s Setup, conns map[string]*conn) error {
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stop()
	for {
		if s.Progress != nil {
			s.Progress(len(conns), len(s.Lab.Hosts))
		}
		var missing []string
		for _, h := range s.Lab.Hosts {
			if conns[h.Name] == nil {
				missing = append(missing, h.Name)
			}
		}
		if len(missing) == 0 {
			return nil
		}
		_ = listener.SetDeadline(time.Now().Add(l.Timeout)) // that it is closed, Accept says too
		stream, err := listener.Accept()
		if err == nil {
			if err = admit(ctx, newConn(stream), s.Lab, conns); err != nil {
				_ = stream.Close() // it may be closed, as ctx has ended
			}
		}
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, os.ErrDeadlineExceeded):
			return fmt.Errorf("no word from %s for %v: start the whole lab with docker compose up", strings.Join(missing, ", "), l.Timeout)
		case err != nil:
			return err
		}
	}
}

// admit lets an agent join that says who it is, if the lab has room for it.
func admit(ctx context.Context, c *conn, lab *topology.Lab, conns map[string]*conn) error {
	ctx, cancel := context.WithTimeoutCause(ctx, helloTimeout, fmt.Errorf("it was silent for %v", helloTimeout))
	defer cancel()
	hello, err := c.hello(ctx)
	if err != nil {
		return fmt.Errorf("an agent that connected %w", err)
	}
	h, ok := lab.Host(hello.Host)
	if !ok {
		return fmt.Errorf("%q: the lab %s has no such host: start what the lab's file says and no more", hello.Host, lab.Name)
	}
	if conns[h.Name] != nil {
		return fmt.Errorf("%s: there are two of it: a host is one container, which cannot be scaled", h.Name)
	}
	if err := hello.check(*h); err != nil {
		return fmt.Errorf("%s: its agent %w", h.Name, err)
	}
	conns[h.Name] = c
	return nil
}

package run

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
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

// Up waits for the agents of all hosts.
func (l Listener) Up(ctx context.Context, s Setup) (_ *Network, err error) {
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
	ctx, cancel := context.WithCancel(ctx)
	joins := make(chan join)
	defer func() {
		cancel()
		err = errors.Join(err, listener.Close())
	}()
	go accept(ctx, listener, joins)

	conns, err := l.gather(ctx, s, joins)
	if err == nil {
		err = os.Remove(l.Socket)
	}
	if err != nil {
		for _, c := range conns {
			err = errors.Join(err, c.stream.Close())
		}
		return nil, err
	}
	hosts := make(map[string]Host, len(conns))
	for name, c := range conns {
		h, _ := s.Lab.Host(name)
		hosts[name] = newRemote(c, s, *h, nil)
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

// A join is an agent that connected and said who it is, or did not.
type join struct {
	conn  *conn
	hello *Hello
	err   error
}

// accept hands over every agent that connects, until the listener is closed.
func accept(ctx context.Context, listener *net.UnixListener, joins chan<- join) {
	for {
		stream, err := listener.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			deliver(ctx, joins, join{err: err})
			return
		}
		go func() {
			within, cancel := context.WithTimeoutCause(ctx, helloTimeout, fmt.Errorf("it was silent for %v", helloTimeout))
			defer cancel()
			j := join{conn: newConn(stream)}
			j.hello, j.err = j.conn.hello(within)
			if !deliver(ctx, joins, j) || j.err != nil {
				_ = stream.Close()
			}
		}()
	}
}

func deliver(ctx context.Context, joins chan<- join, j join) bool {
	select {
	case joins <- j:
		return true
	case <-ctx.Done():
		return false
	}
}

// gather waits until every host of the lab has joined. It returns the
// connections that there are also with an error.
func (l Listener) gather(ctx context.Context, s Setup, joins <-chan join) (map[string]*conn, error) {
	conns := make(map[string]*conn, len(s.Lab.Hosts))
	timer := time.NewTimer(l.Timeout)
	defer timer.Stop()
	for {
		if s.Progress != nil {
			s.Progress(len(conns), len(s.Lab.Hosts))
		}
		if len(conns) == len(s.Lab.Hosts) {
			return conns, nil
		}
		select {
		case <-ctx.Done():
			return conns, context.Cause(ctx)
		case <-timer.C:
			return conns, fmt.Errorf("no word from %s for %v: start the whole lab with docker compose up", missing(s.Lab, conns), l.Timeout)
		case j := <-joins:
			timer.Reset(l.Timeout)
			if j.err != nil {
				return conns, fmt.Errorf("an agent that connected to %s %w", l.Socket, j.err)
			}
			if err := admit(s.Lab, conns, j); err != nil {
				return conns, errors.Join(err, j.conn.stream.Close())
			}
			conns[j.hello.Host] = j.conn
		}
	}
}

// admit tells whether the lab has room for the host that joins.
func admit(lab *topology.Lab, conns map[string]*conn, j join) error {
	h, ok := lab.Host(j.hello.Host)
	if !ok {
		return fmt.Errorf("%q: the lab %s has no such host: start what the lab's file says and no more", j.hello.Host, lab.Name)
	}
	if conns[h.Name] != nil {
		return fmt.Errorf("%s: there are two of it: a host is one container, which cannot be scaled", h.Name)
	}
	if err := j.hello.check(*h); err != nil {
		return fmt.Errorf("%s: its agent %w", h.Name, err)
	}
	return nil
}

// missing are the names of the hosts that have not joined.
func missing(lab *topology.Lab, conns map[string]*conn) string {
	names := make(map[string]bool)
	for _, h := range lab.Hosts {
		if conns[h.Name] == nil {
			names[h.Name] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(names)), ", ")
}

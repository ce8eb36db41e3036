package echo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/net/netutil"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// A server is the settings of an echo server.
type server struct {
	address string
	// maxConnections is how many connections may be open at once; zero is no
	// limit. At the limit the server does not accept. The kernel still completes
	// handshakes up to its backlog (listen(2)), so that a client there is
	// connected, but it gets no greeting until another connection closes.
	maxConnections int
	// idleTimeout is how long a connection may be silent before the server closes
	// it; zero is for ever. A peer that has vanished without a word is found out
	// by TCP keep-alive all the same.
	idleTimeout time.Duration
	// grace is how long open connections go on after the server was told to stop.
	grace  time.Duration
	record recorder
	log    *slog.Logger
}

// listen makes the listening socket of a server. Unless the address is one of
// IPv6 it is an IPv4 socket, so that socket tables list it, and what it accepts,
// under tcp and not tcp6, as in the post. The IPv6 address :: takes IPv4
// connections too, where the system does that by default.
func listen(ctx context.Context, address string) (net.Listener, error) {
	network := "tcp4"
	if host, _, err := net.SplitHostPort(address); err == nil {
		if ip, err := netip.ParseAddr(host); err == nil && ip.Is6() {
			network = "tcp"
		}
	}
	var config net.ListenConfig
	// Package net would make a Multipath TCP socket (RFC 8684) by default. The
	// kernel keeps the TCP socket behind it to itself, and socket tables and open
	// files would no longer fit together.
	config.SetMultipathTCP(false)
	listener, err := config.Listen(ctx, network, address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, bare(err))
	}
	return listener, nil
}

// serve accepts connections and serves them until the context is done. It then
// closes the listener (the kernel resets connections that nobody has accepted)
// and lets open connections go on for the grace period: until their peers close
// them, for the server has no way to know whether a silent peer has more to say.
// It closes those that are left and returns when all are closed.
func (s *server) serve(ctx context.Context, listener net.Listener) {
	var (
		open   sync.WaitGroup
		mu     sync.Mutex // guards served, and keeps the closed events in its order
		served int
	)
	if s.maxConnections > 0 {
		listener = netutil.LimitListener(listener, s.maxConnections)
	}
	over, abort := context.WithCancel(context.Background())
	defer abort()
	context.AfterFunc(ctx, func() { listener.Close() })
	s.record.record(evidence.ProgramEvent{Event: evidence.EventListening, Local: endpoint(listener.Addr())})
	for {
		conn := s.accept(ctx, listener)
		if conn == nil {
			break
		}
		open.Go(func() {
			s.record.record(on(conn, evidence.EventAccepted))
			closed := because(on(conn, evidence.EventClosed), s.echo(over, conn))
			mu.Lock()
			defer mu.Unlock()
			served++
			closed.Served = served
			s.record.record(closed)
		})
	}
	timer := time.AfterFunc(s.grace, abort)
	defer timer.Stop()
	open.Wait()
	s.record.record(evidence.ProgramEvent{Event: evidence.EventStopped, Local: endpoint(listener.Addr()), Served: served})
}

// writeTimeout is how long a peer may take no bytes while there is a reply for
// it. Then the server closes the connection.
const writeTimeout = 30 * time.Second

// acceptPause is how long a server waits before it tries again to accept.
const acceptPause = 100 * time.Millisecond

// accept accepts one connection; nil once the context is done. Whatever else
// goes wrong passes: the process or the system has no descriptor left or no
// memory, or the connection died before it was accepted (accept(2)).
func (s *server) accept(ctx context.Context, listener net.Listener) net.Conn {
	for tried := false; ; tried = true {
		conn, err := listener.Accept()
		if err == nil {
			return conn
		}
		if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
			return nil
		}
		if !tried {
			s.log.Warn("cannot accept connections for now, trying on", "listener", listener.Addr(), "cause", bare(err))
		}
		if !sleep(ctx, acceptPause) {
			return nil
		}
	}
}

// echo greets the peer and answers it until it ends its side of the connection,
// which is no error: all that it said before has been answered by then. It
// closes the connection, at the latest when the grace period is over.
func (s *server) echo(over context.Context, conn net.Conn) error {
	defer conn.Close()
	stop := context.AfterFunc(over, func() { conn.Close() })
	defer stop()
	reply := make([]byte, len(Prefix)+ChunkSize)
	copy(reply, Prefix)
	err := s.send(conn, []byte(Greeting))
	for err == nil {
		if s.idleTimeout > 0 {
			conn.SetReadDeadline(time.Now().Add(s.idleTimeout))
		}
		var n int
		n, err = conn.Read(reply[len(Prefix):])
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = fmt.Errorf("silent for %v", s.idleTimeout)
		}
		if n > 0 {
			s.record.record(carrying(on(conn, evidence.EventReceived), reply[len(Prefix):len(Prefix)+n]))
			err = errors.Join(err, s.send(conn, reply[:len(Prefix)+n]))
		}
	}
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case over.Err() != nil:
		return errors.New("still open at the end of the grace period")
	}
	return bare(err)
}

// send writes once. What the kernel took is recorded, also where it did not take
// everything.
func (s *server) send(conn net.Conn, payload []byte) error {
	conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	n, err := conn.Write(payload)
	if n > 0 {
		s.record.record(carrying(on(conn, evidence.EventSent), payload[:n]))
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("the peer has read nothing for %v", writeTimeout)
	}
	return err
}

package echo

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"sync"
	"time"
)

// Server is the settings of an echo server. The zero value serves any number of connections for any time and
// closes them all as soon as it is told to stop. A Server may serve several listeners.
type Server struct {
	// MaxConnections is how many connections may be open at once; zero is no limit. At the limit the server
	// does not accept. The kernel still completes handshakes up to its backlog (listen(2)), so that a client
	// there is connected, but it gets no greeting until another connection closes.
	MaxConnections int
	// IdleTimeout is how long a connection may be silent before the server closes it; zero is for ever. A
	// peer that has vanished without a word is found out by TCP keep-alive all the same.
	IdleTimeout time.Duration
	// WriteTimeout is how long a peer may take no bytes while there is a reply for it; zero is
	// DefaultWriteTimeout. Then the server closes the connection.
	WriteTimeout time.Duration
	// Grace is how long open connections go on after the server was told to stop; zero is not at all.
	Grace time.Duration
	// Record is told what the server does; it may be nil. It is called by many goroutines at once.
	Record Recorder
	// Log takes diagnostics; nil is none.
	Log *slog.Logger
}

// ListenAndServe listens on an address (see [Listen]) and serves there. See Serve.
func (s *Server) ListenAndServe(ctx context.Context, address string) error {
	listener, err := Listen(ctx, address)
	if err != nil {
		return err
	}
	return s.Serve(ctx, listener)
}

// Serve accepts connections and serves them until the context is done or accepting fails. It then closes the
// listener (the kernel resets connections that nobody has accepted) and lets open connections go on for the
// grace period: until their peers close them, for the server has no way to know whether a silent peer has more
// to say. It closes those that are left and returns when all are closed. The error is nil when the context
// ended it.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	run := &serving{Server: s, log: cmp.Or(s.Log, slog.New(slog.DiscardHandler))}
	run.open.limit = s.MaxConnections
	s.Record.record(Event{Event: Listening, Local: endpointOf(listener.Addr())})
	err := run.acceptAll(ctx, listener)
	run.open.finish(s.Grace)
	s.Record.record(Event{Event: Stopped, Local: endpointOf(listener.Addr()), Served: &run.served}.because(err))
	return err
}

// serving is one call of Serve.
type serving struct {
	*Server
	log  *slog.Logger
	open openConnections

	mu     sync.Mutex // guards served, and keeps the closed events in its order
	served int
}

// serve talks to one peer until either side has enough, and closes the connection.
func (s *serving) serve(c *connection) {
	defer s.open.remove(c)
	s.Record.record(c.event(Accepted))
	err := c.echo(s.Server)
	c.Close()

	s.mu.Lock()
	defer s.mu.Unlock()
	s.served++
	served := s.served
	closed := c.event(Closed).because(err)
	closed.Served = &served
	s.Record.record(closed)
}

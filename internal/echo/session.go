package echo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	// farewell is how long a session that is being closed waits for the server to close its side.
	farewell = time.Second
	// mostSurplus is how many bytes a server may send before anybody has asked for them.
	mostSurplus = 64 << 10
)

// Session is a client's connection past the greeting. Only one goroutine may use it. After an error there is
// nothing to do but to close it.
type Session struct {
	client        *Client
	conn          *net.TCPConn
	local, remote netip.AddrPort

	arrivals chan arrival
	closing  chan struct{}
	running  sync.WaitGroup

	greeting string // what is left of it to come
	replies  replies
	ended    error // why no more arrivals come; io.EOF where the server closed
	failure  error // the first error
}

// arrival is what one read brought.
type arrival struct {
	data []byte
	err  error
}

func newSession(client *Client, conn *net.TCPConn) *Session {
	s := &Session{
		client: client, conn: conn,
		local: endpointOf(conn.LocalAddr()), remote: endpointOf(conn.RemoteAddr()),
		arrivals: make(chan arrival), closing: make(chan struct{}), greeting: Greeting,
	}
	s.record(s.event(Connected))
	s.running.Go(s.read)
	return s
}

// Local is the session's own endpoint.
func (s *Session) Local() netip.AddrPort { return s.local }

// Remote is the server's endpoint.
func (s *Session) Remote() netip.AddrPort { return s.remote }

func (s *Session) event(name string) Event {
	return Event{Event: name, Local: s.local, Remote: s.remote}
}

func (s *Session) record(e Event) { s.client.Record.record(e) }

// read hands over what comes until an error, or until the session is closed.
func (s *Session) read() {
	for {
		// Each arrival has memory of its own: the next read goes on while it is looked at.
		data := make([]byte, len(Prefix)+ChunkSize)
		n, err := s.conn.Read(data)
		select {
		case s.arrivals <- arrival{data[:n], err}:
		case <-s.closing:
			return
		}
		if err != nil {
			return
		}
	}
}

// take looks at an arrival.
func (s *Session) take(a arrival) error {
	s.ended = a.err
	data := a.data
	for len(data) > 0 && s.greeting != "" {
		if data[0] != s.greeting[0] {
			right := Greeting[:len(Greeting)-len(s.greeting)]
			return &WrongReplyError{Heard: append([]byte(right), data...), At: len(right) + 1}
		}
		data, s.greeting = data[1:], s.greeting[1:]
	}
	if err := s.replies.feed(data); err != nil {
		return err
	}
	if s.replies.complete() && len(s.replies.surplus()) > mostSurplus {
		return errors.New("the server sends and sends without being asked")
	}
	return nil
}

// greet waits for the greeting.
func (s *Session) greet(ctx context.Context) error {
	err := s.await(ctx, "the greeting", nil, func() bool { return s.greeting == "" })
	if err == nil {
		s.record(s.event(Received).carrying([]byte(Greeting)))
	}
	return s.fail(err)
}

// Exchange sends a message of at least one byte and waits for its whole reply, which it returns as it came. The
// error is a *WrongReplyError or one sentence.
func (s *Session) Exchange(ctx context.Context, message []byte) ([]byte, error) {
	if len(message) == 0 {
		return nil, errors.New("a message without a byte cannot be sent over TCP")
	}
	if err := s.replies.expect(message); err != nil {
		return nil, s.fail(err)
	}
	err := s.await(ctx, "the reply to "+quote(message), s.send(message), s.replies.complete)
	reply := s.replies.next()
	if len(reply) > 0 {
		s.record(s.event(Received).carrying(reply))
	}
	return reply, s.fail(err)
}

// fail notes and records the first error of the session.
func (s *Session) fail(err error) error {
	if err != nil && s.failure == nil {
		s.failure = err
		s.record(s.event(Failed).because(err))
	}
	return err
}

// Close ends the session: it sends FIN, waits a moment for the server's, and closes the socket. The error says
// that the server had sent something that nobody had asked for, where nothing else had gone wrong before.
func (s *Session) Close() error {
	s.conn.CloseWrite()
	err := s.drain()
	if s.failure != nil {
		err = nil
	}
	s.fail(err)
	close(s.closing)
	s.conn.Close()
	s.running.Wait()

	closed := s.event(Closed)
	if s.ended != nil && !errors.Is(s.ended, io.EOF) {
		closed = closed.because(bare(s.ended))
	}
	s.record(closed)
	return err
}

// drain reads until the server closes, so that nothing unread makes the kernel send RST in place of FIN.
func (s *Session) drain() error {
	patience := time.NewTimer(farewell)
	defer patience.Stop()
	for s.ended == nil {
		select {
		case a := <-s.arrivals:
			if err := s.take(a); err != nil {
				return err
			}
		case <-patience.C:
			return s.leftover()
		}
	}
	return s.leftover()
}

// leftover is an error where the server has sent more than its replies.
func (s *Session) leftover() error {
	if more := s.replies.surplus(); s.replies.complete() && len(more) > 0 {
		return fmt.Errorf("the server sent more than it was asked for: %s", quote(more))
	}
	return nil
}

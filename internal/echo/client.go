package echo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// A client is the settings of an echo client.
type client struct {
	address string
	// source is the endpoint to call from; nil means any. An endpoint whose last
	// connection is in TIME_WAIT can be had again; where the kernel refuses that
	// very four-tuple for now, the client retries.
	source *net.TCPAddr
	// retry is how long to go on trying to connect; zero is a single attempt.
	retry time.Duration
	// timeout is the limit for a single attempt to connect, for the greeting and
	// for each reply; zero is none.
	timeout time.Duration
	record  recorder
}

// How long a client waits between two attempts to connect; it doubles in
// between.
const (
	firstRetry   = 50 * time.Millisecond
	longestRetry = time.Second
)

// dial connects to the server and waits for its greeting. The caller closes the
// session. That there is none is recorded as failed.
func (c *client) dial(ctx context.Context) (*session, error) {
	conn, err := c.connect(ctx)
	if err != nil {
		c.record.record(because(evidence.ProgramEvent{Event: evidence.EventFailed}, err))
		return nil, err
	}
	s := &session{client: c, conn: conn}
	c.record.record(on(conn, evidence.EventConnected))
	if err := s.greet(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// connect tries to connect until it works, the error is one that time does not
// mend, or time is up.
func (c *client) connect(ctx context.Context) (*net.TCPConn, error) {
	dialer := net.Dialer{Timeout: c.timeout}
	from := ""
	if c.source != nil {
		dialer.LocalAddr, from = c.source, fmt.Sprintf(" from %v", c.source)
		if c.source.Port != 0 {
			dialer.Control = reuseAddress
		}
	}
	limit := time.Now().Add(c.retry)
	for pause := firstRetry; ; pause = min(2*pause, longestRetry) {
		conn, err := dialer.DialContext(ctx, "tcp", c.address)
		if err == nil {
			return conn.(*net.TCPConn), nil
		}
		again := maySucceedLater(err) && time.Now().Add(pause).Before(limit)
		if again && sleep(ctx, pause) {
			continue
		}
		if ctx.Err() != nil {
			err = errInterrupted
		} else if isTimeout(err) {
			err = errors.New("no answer")
		}
		return nil, fmt.Errorf("connect to %s%s: %w", c.address, from, bare(err))
	}
}

// maySucceedLater reports whether connecting may work a little later: nobody
// listens there yet, the way there is not known yet, nothing answered in time,
// or the same four-tuple is still in TIME_WAIT. All that is the call connect's;
// that a source or a name is not to be had is not.
func maySucceedLater(err error) bool {
	var call *os.SyscallError
	return errors.As(err, &call) && strings.HasPrefix(call.Syscall, "connect") || isTimeout(err)
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// closeTimeout is how long a session that is being closed waits for the server
// to close its side.
const closeTimeout = time.Second

// A session is a client's connection past the greeting. After an error there is
// nothing to do but to close it.
type session struct {
	client  *client
	conn    *net.TCPConn
	failure error // the first error
	ended   error // why nothing more comes; nil while more may
}

// greet waits for the greeting.
func (s *session) greet(ctx context.Context) error {
	var heard []byte
	err := s.read(ctx, s.client.timeout, "the greeting", func(data []byte) (bool, error) {
		heard = append(heard, data...)
		if !strings.HasPrefix(Greeting, string(heard)) {
			return false, fmt.Errorf("the greeting is wrong: %s", quote(heard))
		}
		return len(heard) == len(Greeting), nil
	})
	if err == nil {
		s.client.record.record(carrying(on(s.conn, evidence.EventReceived), heard))
	}
	return s.fail(err)
}

// exchange sends a message of at least one byte and waits for its whole reply.
func (s *session) exchange(ctx context.Context, message []byte) error {
	// The reply may come while the message is still being sent: a server that
	// cannot get rid of the reply to the first part does not read the rest.
	sent := make(chan error, 1)
	go func() {
		n, err := s.conn.Write(message)
		if n > 0 {
			s.client.record.record(carrying(on(s.conn, evidence.EventSent), message[:n]))
		}
		sent <- err
	}()
	what := "the reply to " + quote(message)
	reply := reply{message: message}
	err := s.read(ctx, s.client.timeout, what, func(data []byte) (bool, error) {
		if !reply.hear(data) {
			return false, fmt.Errorf("%s is wrong: %s", what, quote(reply.heard))
		}
		return reply.complete(), nil
	})
	if err != nil {
		s.conn.SetWriteDeadline(time.Now()) // nobody waits for the rest
	}
	if failed := <-sent; err == nil && failed != nil {
		err = fmt.Errorf("send a message: %w", bare(failed))
	}
	if err == nil {
		s.client.record.record(carrying(on(s.conn, evidence.EventReceived), reply.heard))
	}
	return s.fail(err)
}

// hold keeps the connection open until the context is done. It is an error if
// the server ends it before, or says something.
func (s *session) hold(ctx context.Context) error {
	err := s.read(ctx, 0, "", unasked)
	if ctx.Err() != nil && errors.Is(err, errInterrupted) {
		return nil
	}
	return s.fail(err)
}

// unasked takes what nobody has asked for.
func unasked(data []byte) (whole bool, err error) {
	return false, fmt.Errorf("the server sent more than it was asked for: %s", quote(data))
}

var errInterrupted = errors.New("interrupted")

// read reads until take has it whole or refuses it, the limit, if there is one,
// is over, or the context is done. What is waited for is empty where nothing is.
func (s *session) read(ctx context.Context, limit time.Duration, what string, take func([]byte) (whole bool, err error)) error {
	if s.ended != nil {
		return s.ended
	}
	var deadline time.Time
	if limit > 0 {
		deadline = time.Now().Add(limit)
	}
	s.conn.SetReadDeadline(deadline)
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		s.conn.SetReadDeadline(time.Now())
		close(interrupted)
	})
	defer func() {
		if !stop() {
			<-interrupted // else it would interrupt the next read
		}
	}()
	before := what + " had come"
	if what == "" {
		before = "the client was done"
	}
	data := make([]byte, len(Prefix)+ChunkSize)
	for {
		n, err := s.conn.Read(data)
		if n > 0 {
			if whole, err := take(data[:n]); whole || err != nil {
				return err
			}
		}
		switch {
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() != nil:
			return fmt.Errorf("%w before %s", errInterrupted, before)
		case errors.Is(err, os.ErrDeadlineExceeded):
			return fmt.Errorf("%s has not come whole within %v", what, limit)
		case errors.Is(err, io.EOF):
			s.ended = err
			return fmt.Errorf("the server closed the connection before %s", before)
		default:
			s.ended = err
			return fmt.Errorf("the connection ended before %s: %w", before, bare(err))
		}
	}
}

// fail notes and records the first error of the session.
func (s *session) fail(err error) error {
	if err != nil && s.failure == nil {
		s.failure = err
		s.client.record.record(because(evidence.ProgramEvent{Event: evidence.EventFailed}, err))
	}
	return err
}

// close ends the session: it sends FIN, waits a moment for the server's, so that
// nothing unread makes the kernel send RST in place of FIN, and closes the
// socket. The error says that the server sent what nobody had asked for, where
// nothing else had gone wrong before.
func (s *session) close() (err error) {
	s.conn.CloseWrite()
	s.conn.SetReadDeadline(time.Now().Add(closeTimeout))
	data := make([]byte, ChunkSize)
	for s.ended == nil {
		var n int
		n, s.ended = s.conn.Read(data)
		if n > 0 && s.failure == nil {
			_, err = unasked(data[:n])
			s.fail(err)
		}
	}
	s.conn.Close()
	closed := on(s.conn, evidence.EventClosed)
	if !errors.Is(s.ended, io.EOF) && !errors.Is(s.ended, os.ErrDeadlineExceeded) {
		closed = because(closed, bare(s.ended))
	}
	s.client.record.record(closed)
	return err
}

// quote is a payload in quotes, its middle left out where it is long.
func quote(payload []byte) string {
	const ends = 30
	if len(payload) <= 2*ends {
		return fmt.Sprintf("%q", payload)
	}
	return fmt.Sprintf("%q…%q", payload[:ends], payload[len(payload)-ends:])
}

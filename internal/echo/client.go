package echo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// Client is the settings of an echo client. The zero value tries once to connect, from any endpoint, and waits
// for replies for ever. A Client may have several sessions.
type Client struct {
	// Source is the endpoint to call from. An invalid address and a zero port mean any. An endpoint whose last
	// connection is in TIME_WAIT can be had again; where the kernel refuses that very four-tuple for now, the
	// client retries.
	Source netip.AddrPort
	// Retry is how long to go on trying while the server is not up yet; zero is a single attempt.
	Retry time.Duration
	// Timeout is the limit for a single attempt to connect, for the greeting and for each reply; zero is none.
	Timeout time.Duration
	// Record is told what the client does; it may be nil. A session calls it only from the goroutine that
	// uses the session.
	Record Recorder
}

// ConnectError says that no connection came about.
type ConnectError struct {
	// Address is HOST:PORT of the server, as it was given.
	Address string
	// Source is the endpoint that the client was to call from, if it was to.
	Source netip.AddrPort
	// Tried is how long the client tried; zero is a single attempt.
	Tried time.Duration
	// Err is the cause of the last attempt that came to an end of its own.
	Err error
}

// Error is one sentence.
func (e *ConnectError) Error() string {
	from, tried := "", ""
	if e.Source != (netip.AddrPort{}) {
		from = " from " + sourceText(e.Source)
	}
	if e.Tried > 0 {
		tried = fmt.Sprintf(", tried for %v", e.Tried)
	}
	return fmt.Sprintf("connect to %s%s: %v%s", e.Address, from, e.Err, tried)
}

// Unwrap is the cause.
func (e *ConnectError) Unwrap() error { return e.Err }

// sourceText is a source as a person types it.
func sourceText(source netip.AddrPort) string {
	if !source.Addr().IsValid() {
		return fmt.Sprintf(":%d", source.Port())
	}
	return source.String()
}

// Dial connects to a server, given as HOST:PORT, and waits for its greeting. The caller closes the session. A
// session that cannot be had is recorded as failed. The error is a *ConnectError, a *WrongReplyError or one
// sentence about the greeting.
func (c *Client) Dial(ctx context.Context, address string) (*Session, error) {
	conn, err := c.connect(ctx, address)
	if err != nil {
		c.Record.record(Event{Event: Failed}.because(err))
		return nil, err
	}
	session := newSession(c, conn)
	if err := session.greet(ctx); err != nil {
		session.Close()
		return nil, err
	}
	return session, nil
}

// How long a client waits between two attempts to connect; it doubles in between.
const (
	firstRetry   = 50 * time.Millisecond
	longestRetry = time.Second
)

// connect tries to connect until it works, the error is one that time does not mend, or time is up.
func (c *Client) connect(ctx context.Context, address string) (*net.TCPConn, error) {
	limited, cancel := c.limit(ctx)
	defer cancel()
	var cause error
	for pause := firstRetry; ; pause = min(2*pause, longestRetry) {
		conn, err := c.attempt(limited, address)
		if err == nil {
			return conn, nil
		}
		// An attempt that was cut off by the limit says less than the one before it.
		if cause == nil || limited.Err() == nil {
			cause = err
		}
		again := c.Retry > 0 && isNotUpYet(err) && sleep(limited, pause)
		switch {
		case ctx.Err() != nil:
			return nil, fmt.Errorf("connect to %s: interrupted", address)
		case !again:
			return nil, c.connectError(address, cause, limited.Err() != nil)
		}
	}
}

// limit is the context with the limit for all attempts.
func (c *Client) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.Retry > 0 {
		return context.WithTimeout(ctx, c.Retry)
	}
	return context.WithCancel(ctx)
}

func (c *Client) connectError(address string, cause error, timeUp bool) error {
	failed := &ConnectError{Address: address, Source: c.Source, Err: bare(cause)}
	if timeUp {
		failed.Tried = c.Retry
	}
	if isTimeout(failed.Err) {
		failed.Err = errNoAnswer
	}
	return failed
}

// errNoAnswer stands for package net's "i/o timeout", which leaves open what did not come.
var errNoAnswer = errors.New("no answer")

// attempt tries to connect once.
func (c *Client) attempt(ctx context.Context, address string) (*net.TCPConn, error) {
	dialer := net.Dialer{Timeout: c.Timeout}
	if c.Source != (netip.AddrPort{}) {
		dialer.LocalAddr = net.TCPAddrFromAddrPort(c.Source)
	}
	if c.Source.Port() != 0 {
		dialer.Control = reuseAddress
	}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return conn.(*net.TCPConn), nil
}

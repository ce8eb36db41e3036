package echo

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"
)

// connection is the server's end of one connection.
type connection struct {
	net.Conn
	local, remote netip.AddrPort
	aborted       atomic.Pointer[error]
}

func newConnection(conn net.Conn) *connection {
	return &connection{Conn: conn, local: endpointOf(conn.LocalAddr()), remote: endpointOf(conn.RemoteAddr())}
}

func (c *connection) event(name string) Event {
	return Event{Event: name, Local: c.local, Remote: c.remote}
}

// abort closes the connection under its goroutine, which ends with that error.
func (c *connection) abort(why error) {
	c.aborted.CompareAndSwap(nil, &why)
	c.Close()
}

// echo greets the peer and answers it until it ends its side of the connection, which is no error. All that it
// said before has been answered by then.
func (c *connection) echo(s *Server) error {
	if err := c.send(s, []byte(Greeting)); err != nil {
		return err
	}
	reply := make([]byte, len(Prefix)+ChunkSize)
	copy(reply, Prefix)
	for {
		n, err := c.receive(s, reply[len(Prefix):])
		if n > 0 {
			if err := c.send(s, reply[:len(Prefix)+n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// receive reads once.
func (c *connection) receive(s *Server, chunk []byte) (int, error) {
	if s.IdleTimeout > 0 {
		c.SetReadDeadline(time.Now().Add(s.IdleTimeout))
	}
	n, err := c.Read(chunk)
	if n > 0 && s.Record != nil {
		s.Record.record(c.event(Received).carrying(chunk[:n]))
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return n, fmt.Errorf("silent for %v", s.IdleTimeout)
	}
	return n, c.why(err)
}

// send writes once. What the kernel took is recorded, also where it did not take everything.
func (c *connection) send(s *Server, payload []byte) error {
	patience := s.WriteTimeout
	if patience == 0 {
		patience = DefaultWriteTimeout
	}
	c.SetWriteDeadline(time.Now().Add(patience))
	n, err := c.Write(payload)
	if n > 0 && s.Record != nil {
		s.Record.record(c.event(Sent).carrying(payload[:n]))
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("the peer has read nothing for %v", patience)
	}
	return c.why(err)
}

// why is the reason behind an error of the connection: it may be the server's own doing.
func (c *connection) why(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	if why := c.aborted.Load(); why != nil {
		return *why
	}
	return bare(err)
}

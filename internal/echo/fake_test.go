package echo

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fake serves each connection by a function of the test, which need not be well-behaved.
func fake(t *testing.T, serve func(conn *net.TCPConn)) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conn.SetDeadline(time.Now().Add(patience))
			serve(conn.(*net.TCPConn))
			conn.Close()
		}
	}()
	t.Cleanup(func() {
		listener.Close()
		<-done
	})
	return listener.Addr().String()
}

// dribble writes a text in parts of some bytes, each in a segment of its own where the kernel lets it.
func dribble(conn net.Conn, text string, size int) {
	for len(text) > 0 {
		n := min(size, len(text))
		conn.Write([]byte(text[:n]))
		text = text[n:]
		time.Sleep(time.Millisecond) // so that the client reads between: nothing depends on it
	}
}

// listen reads a message of that length.
func listen(conn net.Conn, length int) string {
	message := make([]byte, length)
	io.ReadFull(conn, message)
	return string(message)
}

// hangUp resets a connection.
func hangUp(conn *net.TCPConn) {
	conn.SetLinger(0)
	conn.Close()
}

// Package echo is the small protocol of the blog post, as a server and a client.
//
// # The protocol
//
// The post asks whether the sockets that a server accepts get ports of their
// own, and talks to itself over TCP (RFC 9293) to find out. A server greets
// whoever connects with [Greeting]. From then on it answers each chunk of bytes
// that it reads, at most [ChunkSize] of them, with [Prefix] and the chunk, in
// one write. There is no framing: a message is what a client sends, and ends
// where the client chooses to stop and wait.
//
// # What a right reply is
//
// TCP keeps bytes and their order, not the borders of writes. A message may
// reach the server in several chunks, and then the reply has several prefixes in
// it; replies in turn may reach the client joined or split. The client accepts
// its message in pieces of at least one byte with a Prefix before each, and
// nothing else. What is no such reply is wrong, and what comes without being
// asked for is wrong, too: both are failures.
//
// # The commands
//
// [ServerMain] and [ClientMain] are the two programs, of which ../../server and
// ../../client are the binaries. For people they print what the post's programs
// print; with --json they print what they do as events, one a line, of the type
// [evidence.ProgramEvent]. A server's connection goes accepted, then sent and
// received in turn, then closed; a client's goes connected, received (the
// greeting), sent and received in turn, holding, closed. The server is ready
// with listening, and ends with stopped. A server has one received for each
// read, a client one for each whole reply.
//
// Errors are one sentence on standard error, and with --json also an event
// failed. Exit status: 0 if all went as it should, 1 if the other side, the
// network or the output failed, 2 if the program could not begin: its arguments
// are wrong, or the address to listen on cannot be had.
package echo

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"time"
	"unicode/utf8"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// The protocol's constants, byte for byte those of the post's Python programs.
const (
	// Greeting is what a server sends first on each connection it accepts.
	Greeting = "Welcome to the Server\n"
	// Prefix comes before each chunk that a server sends back.
	Prefix = "Server Says: "
	// ChunkSize is the most bytes that a server reads, and so sends back, at once.
	ChunkSize = 2048
)

// A recorder takes the events of a program. It may be called by many goroutines
// at once.
type recorder func(evidence.ProgramEvent)

// record stamps an event and hands it on.
func (r recorder) record(e evidence.ProgramEvent) {
	e.Time = time.Now().UTC()
	r(e)
}

// on makes an event of a connection.
func on(conn net.Conn, name string) evidence.ProgramEvent {
	return evidence.ProgramEvent{Event: name, Local: endpoint(conn.LocalAddr()), Remote: endpoint(conn.RemoteAddr())}
}

// carrying is the event with a payload.
func carrying(e evidence.ProgramEvent, payload []byte) evidence.ProgramEvent {
	e.Bytes = len(payload)
	if text := string(payload); utf8.ValidString(text) {
		e.Text = text
	} else {
		e.Base64 = []byte(text)
	}
	return e
}

// because is the event with the sentence of an error, if there is one.
func because(e evidence.ProgramEvent, err error) evidence.ProgramEvent {
	if err != nil {
		e.Error = err.Error()
	}
	return e
}

// endpoint is a TCP socket's address as address and port, IPv4-mapped addresses
// turned back into IPv4 (RFC 4291, 2.5.5.2).
func endpoint(address net.Addr) netip.AddrPort {
	tcp, ok := address.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	endpoint := tcp.AddrPort()
	return netip.AddrPortFrom(endpoint.Addr().Unmap(), endpoint.Port())
}

// bare is an error without the operation and addresses that package net puts
// around it: the sentence that it goes into names them itself.
func bare(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	var call *os.SyscallError
	if errors.As(err, &call) {
		err = call.Err
	}
	return err
}

// sleep waits, and reports whether it did: not if the context ended first.
func sleep(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

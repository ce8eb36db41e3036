package sockets

import (
	"encoding/binary"
	"errors"
	"io"
)

// A fakeWire is a kernel that answers requests for IPv4 sockets as its script
// says, and has no IPv6 sockets.
type fakeWire struct {
	// script gives the datagrams of the answer to a request, of which n were
	// answered before.
	script   func(n int, sequence uint32) []delivery
	requests int
	pending  []delivery
	closed   bool
}

// A delivery is one datagram, or what happens instead of one.
type delivery struct {
	datagram []byte
	err      error
}

var errSilence = errors.New("no answer from the kernel")

func (f *fakeWire) Send(request []byte) error {
	sequence := binary.NativeEndian.Uint32(request[8:])
	answer := []delivery{deliver(doneMessage(sequence))}
	if request[sizeofMessageHeader] == familyIPv4 {
		answer = f.script(f.requests, sequence)
	}
	f.pending = append(f.pending, answer...)
	f.requests++
	return nil
}

func (f *fakeWire) Receive(buffer []byte) (int, error) {
	if len(f.pending) == 0 {
		return 0, errSilence
	}
	d := f.pending[0]
	f.pending = f.pending[1:]
	if d.err == nil && len(d.datagram) > len(buffer) {
		return 0, io.ErrShortBuffer
	}
	return copy(buffer, d.datagram), d.err
}

func (f *fakeWire) Close() error { f.closed = true; return nil }

// deliver packs messages into one delivery.
func deliver(messages ...[]byte) delivery { return delivery{datagram: datagram(messages...)} }

package sockets

import (
	"errors"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// A walk gathers the rows of one dump.
type walk struct {
	wire     wire
	buffer   []byte
	header   evidence.Header
	snapshot int
	rows     []evidence.Socket
}

// walk sends a request and reads the answer to its end, even where it cannot be
// understood: a dump that is left half read would block the next one. It is not
// whole where the kernel says that it was interrupted, or messages were lost.
func (d *walk) walk(request []byte, sequence uint32) (whole bool, err error) {
	if err := d.wire.Send(request); err != nil {
		return false, err
	}
	whole = true
	var misread error
	for {
		n, err := d.wire.Receive(d.buffer)
		if errors.Is(err, errLost) {
			whole = false
		} else if err != nil {
			return false, errors.Join(misread, err)
		}
		a, err := d.read(d.buffer[:n], sequence)
		whole = whole && !a.interrupted
		if misread == nil {
			misread = err
		}
		if a.done {
			return whole, misread
		}
	}
}

// An answer is what one datagram says of the dump it belongs to.
type answer struct{ done, interrupted bool }

// read takes the rows out of one datagram. Messages of another sequence number
// belong to a dump that was given up, and are not looked at.
func (d *walk) read(datagram []byte, sequence uint32) (a answer, first error) {
	for len(datagram) > 0 {
		m, rest, err := nextMessage(datagram)
		if err != nil {
			return a, errors.Join(first, err)
		}
		datagram = rest
		if m.sequence != sequence {
			continue
		}
		a.interrupted = a.interrupted || m.flags&flagDumpInterrupted != 0
		switch m.kind {
		case kindDone, kindError:
			number, err := m.errno()
			a.done = true
			return a, errors.Join(first, err, kernelError(number))
		case kindOverrun:
			a.interrupted = true
		case kindSockDiag:
			if err := d.add(m.body); err != nil && first == nil {
				first = err
			}
		}
	}
	return a, first
}

func (d *walk) add(body []byte) error {
	row, err := parseRow(body)
	if err != nil {
		return err
	}
	row.Header, row.Snapshot = d.header, d.snapshot
	d.rows = append(d.rows, row)
	return nil
}

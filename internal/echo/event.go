package echo

import (
	"bytes"
	"net/netip"
	"time"
	"unicode/utf8"
)

// The names of events. A server's connection goes accepted, then sent and received in turn, then closed; a
// client's goes connected, then received (the greeting), sent and received in turn, holding, closed.
const (
	// Listening: the server waits for connections on Local.
	Listening = "listening"
	// Accepted: the server accepted a connection.
	Accepted = "accepted"
	// Connected: the client's connection is established.
	Connected = "connected"
	// Received: bytes came. A server has one for each read, a client one for the greeting and each whole reply.
	Received = "received"
	// Sent: the kernel took bytes to send. A server has one for the greeting and each reply, a client one for
	// each message.
	Sent = "sent"
	// Holding: the client has said all it had to say and keeps the connection open.
	Holding = "holding"
	// Closed: the program closed its socket. Error says why, unless the two sides simply finished.
	Closed = "closed"
	// Failed: the client gives up, for the reason in Error.
	Failed = "failed"
	// Stopped: the server is done, every connection is closed. Error says why, unless it was told to stop.
	Stopped = "stopped"
)

// Event is one thing that a server or client did: the program's own account. As JSON it is one object whose
// fields are left out where they do not apply.
type Event struct {
	// Time is when it happened, in UTC.
	Time time.Time `json:"time"`
	// Event is one of the names above.
	Event string `json:"event"`
	// Local is the program's own endpoint.
	Local netip.AddrPort `json:"local,omitzero"`
	// Remote is the peer's endpoint.
	Remote netip.AddrPort `json:"remote,omitzero"`
	// Bytes is the length of the payload.
	Bytes int `json:"bytes,omitzero"`
	// Text is the payload, when it is valid UTF-8.
	Text string `json:"text,omitzero"`
	// Base64 is the payload, when it is not; standard base64 in JSON (RFC 4648, section 4).
	Base64 []byte `json:"base64,omitempty"`
	// Served is how many connections the server has served to their end, in closed and stopped events.
	Served *int `json:"served,omitempty"`
	// Error is one sentence.
	Error string `json:"error,omitzero"`
}

// Recorder takes the events of a server or client. A server calls it from many goroutines at once.
type Recorder func(Event)

// Payload is the bytes that a sent or received event is about, and nil for other events.
func (e Event) Payload() []byte {
	if e.Text != "" {
		return []byte(e.Text)
	}
	return e.Base64
}

// carrying is the event with a payload.
func (e Event) carrying(payload []byte) Event {
	e.Bytes = len(payload)
	if utf8.Valid(payload) {
		e.Text = string(payload)
	} else {
		e.Base64 = bytes.Clone(payload)
	}
	return e
}

// because is the event with the sentence of an error, if there is one.
func (e Event) because(err error) Event {
	if err != nil {
		e.Error = err.Error()
	}
	return e
}

// record stamps the event and hands it to a recorder, if there is one.
func (r Recorder) record(e Event) {
	if r == nil {
		return
	}
	e.Time = time.Now().UTC()
	r(e)
}

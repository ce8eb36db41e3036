package echo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"sync"
)

// Journal writes events as lines, each by a single Write, so that the lines of several goroutines or programs
// which share an output stay whole. Its methods may be called from many goroutines at once.
type Journal struct {
	render func(Event) []byte

	mu  sync.Mutex
	out io.Writer
	err error
}

// NewJSONLines makes a journal of JSON lines (one object a line, as in jsonlines.org): see [Event].
func NewJSONLines(out io.Writer) *Journal {
	return &Journal{out: out, render: jsonLine}
}

// NewServerText makes a journal of a server's events for people, who see what the post's server printed.
func NewServerText(out io.Writer) *Journal {
	return &Journal{out: out, render: serverText}
}

// NewClientText makes a journal of a client's events for people: the greeting and the replies.
func NewClientText(out io.Writer) *Journal {
	return &Journal{out: out, render: clientText}
}

// Record writes one event. It is a [Recorder]. After an error it writes nothing more.
func (j *Journal) Record(e Event) {
	line := j.render(e)
	if len(line) == 0 {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err == nil {
		_, j.err = j.out.Write(line)
	}
}

// Err is the error that ended the journal, or nil: an account with lines missing must not pass for a whole one.
func (j *Journal) Err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err == nil {
		return nil
	}
	return fmt.Errorf("write events: %w", j.err)
}

// jsonLine renders an event as one line of JSON.
func jsonLine(e Event) []byte {
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(e); err != nil {
		// Only a time outside the years 0 to 9999 could get here. The line stays a line of JSON.
		return fmt.Appendf(nil, "{\"event\":%q,\"error\":%q}\n", e.Event, err.Error())
	}
	return line.Bytes()
}

// serverText renders a server's event as the line that people see, if they see one.
func serverText(e Event) []byte {
	switch {
	case e.Event == Listening:
		return fmt.Appendf(nil, "Waiting for connections on %v\n", e.Local)
	case e.Event == Accepted:
		return fmt.Appendf(nil, "Connected to: %v\n", e.Remote)
	case e.Event == Closed && e.Served != nil:
		return fmt.Appendf(nil, "Connections served: %d\n", *e.Served)
	case e.Event == Stopped && e.Served != nil:
		return fmt.Appendf(nil, "Stopped, connections served: %d\n", *e.Served)
	}
	return nil
}

// clientText renders a client's event as the line that people see, if they see one. What was received has
// been compared with what had to come, so no byte gets to a terminal that its user did not send there.
func clientText(e Event) []byte {
	if e.Event != Received {
		return nil
	}
	payload := e.Payload()
	if string(payload) == Greeting {
		return payload
	}
	return fmt.Appendf(nil, "fromServer: %s\n", payload)
}

package run

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// Version is the version of the stream's language. Coordinator and agent speak
// the same, or not at all.
const Version = 2

// maxLine bounds a message. Recorders keep what they record in pieces of some
// tens of KiB, and no single record is near it.
const maxLine = 1 << 20

// A Hello is what an agent says first.
type Hello struct {
	Version int `json:"version"`
	// Host is the name that the agent was started with.
	Host string `json:"host"`
	// Program is the program that the agent was given on its command line, nil
	// if it takes what the lab says.
	Program []string `json:"program"`
	// Interfaces are those of the agent's network namespace.
	Interfaces []evidence.Interface `json:"interfaces"`
}

// A HostSetup is what an agent is told first.
type HostSetup struct {
	// Run is the run's id, LabHash the SHA-256 of its lab.json.
	Run     string        `json:"run"`
	LabHash string        `json:"labHash"`
	Host    topology.Host `json:"host"`
}

// A message is one line of the stream.
type message struct {
	Hello *Hello     `json:"hello,omitempty"`
	Setup *HostSetup `json:"setup,omitempty"`
	// ID is a step's number, in what is said of the step.
	ID     int            `json:"id,omitempty"`
	Step   *topology.Step `json:"step,omitempty"`
	Cancel string         `json:"cancel,omitempty"` // why
	Done   bool           `json:"done,omitempty"`
	Error  string         `json:"error,omitempty"` // why a step that is done failed
	// Evidence is the witness that Data is of: whole records, or none, which
	// says that the witness has a file, and that a table is empty.
	Evidence evidence.Witness `json:"evidence,omitempty"`
	Data     []byte           `json:"data,omitempty"`
	Leaving  string           `json:"leaving,omitempty"` // why
}

// A conn sends and receives messages over a stream. Sending is safe for several
// goroutines at once, receiving is for one.
type conn struct {
	stream   io.ReadWriteCloser
	messages *json.Decoder
	bound    *io.LimitedReader // of what is read for one message
	writing  chan struct{}     // has one while a line is written
}

func newConn(stream io.ReadWriteCloser) *conn {
	bound := &io.LimitedReader{R: stream}
	return &conn{stream: stream, messages: json.NewDecoder(bound), bound: bound, writing: make(chan struct{}, 1)}
}

// send writes one message, in one write.
func (c *conn) send(m message) error {
	c.writing <- struct{}{}
	defer func() { <-c.writing }()
	return json.NewEncoder(c.stream).Encode(m)
}

// receive reads the next message; io.EOF at the end of the stream.
func (c *conn) receive() (m message, err error) {
	c.bound.N = maxLine
	err = c.messages.Decode(&m)
	switch {
	case err == nil, errors.Is(err, io.EOF):
		return m, err
	case errors.Is(err, io.ErrUnexpectedEOF) && c.bound.N == 0:
		return m, fmt.Errorf("it sent a message of more than %d bytes", maxLine)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return m, errors.New("it broke off within a message")
	}
	return m, fmt.Errorf("what it sent cannot be read: %w", err)
}

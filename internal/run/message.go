package run

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// Version is the version of the stream's language. Coordinator and agent speak
// the same, or not at all.
const Version = 1

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
	Version int `json:"version"`
	// Run is the run's id, LabHash the SHA-256 of its lab.json.
	Run     string        `json:"run"`
	LabHash string        `json:"labHash"`
	Host    topology.Host `json:"host"`
	// SetRoutes says that the agent sets the host's routes.
	SetRoutes bool `json:"setRoutes"`
	// Poll is how often witnesses that look rather than listen look.
	Poll time.Duration `json:"pollNs"`
}

// A message is one line of the stream.
type message struct {
	Hello *Hello     `json:"hello,omitempty"`
	Setup *HostSetup `json:"setup,omitempty"`
	// ID is a step's number, in what is said of the step.
	ID     int            `json:"id,omitempty"`
	Step   *topology.Step `json:"step,omitempty"`
	Cancel string         `json:"cancel,omitempty"` // why
	Report *Report        `json:"report,omitempty"`
	Error  string         `json:"error,omitempty"` // beside Report
	// Evidence is the witness that Data is of: whole records, or none, which
	// says that the witness has a file.
	Evidence evidence.Witness `json:"evidence,omitempty"`
	Data     []byte           `json:"data,omitempty"`
	Leaving  string           `json:"leaving,omitempty"` // why
}

// errHalf is how a stream ends that breaks off within a line.
var errHalf = errors.New("it broke off within a message")

// A conn sends and receives messages over a stream. Sending is safe for several
// goroutines at once, receiving is for one.
type conn struct {
	stream  io.ReadWriteCloser
	lines   *bufio.Scanner
	writing chan struct{} // has one while a line is written
}

func newConn(stream io.ReadWriteCloser) *conn {
	lines := bufio.NewScanner(stream)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	lines.Split(wholeLines)
	return &conn{stream: stream, lines: lines, writing: make(chan struct{}, 1)}
}

// wholeLines is bufio.ScanLines for which a last line without an end is an
// error.
func wholeLines(data []byte, atEOF bool) (advance int, token []byte, err error) {
	advance, token, err = bufio.ScanLines(data, false)
	if atEOF && advance == 0 && len(data) > 0 {
		return 0, nil, errHalf
	}
	return advance, token, err
}

// send writes one message, in one write.
func (c *conn) send(m message) error {
	line, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if len(line) >= maxLine {
		return fmt.Errorf("a message of %d bytes is longer than %d", len(line), maxLine)
	}
	c.writing <- struct{}{}
	defer func() { <-c.writing }()
	_, err = c.stream.Write(append(line, '\n'))
	return err
}

// receive reads the next message; io.EOF at the end of the stream.
func (c *conn) receive() (message, error) {
	var m message
	if !c.lines.Scan() {
		err := c.lines.Err()
		if err == nil {
			err = io.EOF
		}
		return m, err
	}
	if err := json.Unmarshal(c.lines.Bytes(), &m); err != nil {
		return m, fmt.Errorf("it sent what is no message: %w", err)
	}
	return m, nil
}

package run

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// Version is the version of the stream's language. Coordinator and agent speak
// the same, or not at all.
const Version = 1

const (
	// maxLine bounds a message, maxChunk the records that one message carries; a
	// single record that is longer goes alone.
	maxLine  = 1 << 20
	maxChunk = 48 << 10
)

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

// A message is one line of the stream. One of its fields is set.
type message struct {
	Hello    *Hello           `json:"hello,omitempty"`
	Setup    *HostSetup       `json:"setup,omitempty"`
	Step     *stepMessage     `json:"step,omitempty"`
	Cancel   *cancelMessage   `json:"cancel,omitempty"`
	Report   *reportMessage   `json:"report,omitempty"`
	Evidence *evidenceMessage `json:"evidence,omitempty"`
	Leaving  *leavingMessage  `json:"leaving,omitempty"`
}

type stepMessage struct {
	ID   int           `json:"id"`
	Step topology.Step `json:"step"`
}

type cancelMessage struct {
	ID  int    `json:"id"`
	Why string `json:"why"`
}

type reportMessage struct {
	ID     int    `json:"id"`
	Report Report `json:"report"`
	Error  string `json:"error,omitempty"`
}

type evidenceMessage struct {
	Witness evidence.Witness `json:"witness"`
	Data    []byte           `json:"data"`
}

type leavingMessage struct {
	Why string `json:"why"`
}

// errHalf is how a stream ends that breaks off within a line.
var errHalf = errors.New("it broke off within a message")

// A conn sends and receives messages over a stream. Sending is safe for several
// goroutines at once, receiving is for one.
type conn struct {
	stream io.ReadWriteCloser
	lines  *bufio.Scanner
	mu     sync.Mutex // held while a line is written
}

func newConn(stream io.ReadWriteCloser) *conn {
	lines := bufio.NewScanner(stream)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	lines.Split(wholeLines)
	return &conn{stream: stream, lines: lines}
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
	c.mu.Lock()
	defer c.mu.Unlock()
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

// sendRecords sends records of a witness in pieces that end where a record
// ends, so that a stream that breaks off leaves whole records. No records at
// all are sent too: they say that the witness has a file.
func (c *conn) sendRecords(w evidence.Witness, records []byte) error {
	for {
		n, err := chunk(w, records)
		if err != nil {
			return err
		}
		if err := c.send(message{Evidence: &evidenceMessage{Witness: w, Data: records[:n]}}); err != nil {
			return err
		}
		if records = records[n:]; len(records) == 0 {
			return nil
		}
	}
}

// chunk is the length of as many whole records as go into one message, at least
// one: lines, or blocks of a pcapng file, whose second word is their length.
func chunk(w evidence.Witness, records []byte) (int, error) {
	length := func(rest []byte) int { return bytes.IndexByte(rest, '\n') + 1 }
	if w == evidence.Packets {
		length = func(rest []byte) int {
			if len(rest) < 8 {
				return 0
			}
			return int(binary.LittleEndian.Uint32(rest[4:]))
		}
	}
	n := 0
	for n < len(records) {
		next := length(records[n:])
		if next <= 0 || next > len(records)-n {
			return 0, fmt.Errorf("the records of %s end within a record", w)
		}
		if n > 0 && n+next > maxChunk {
			break
		}
		n += next
	}
	return n, nil
}

package evidence

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"
)

// maxLine bounds a record.
const maxLine = 8 << 20

// readRows reads one record a line, and checks each, until one is wrong. The
// error names the line.
func readRows[R any](r io.Reader, size int64, file string, check func(*R, int) error) (rows []R, err error) {
	lines := bufio.NewReaderSize(r, int(min(size+1, maxLine)))
	fast := newCanonical(reflect.TypeFor[R]())
	read := 0
	for number := 1; ; number++ {
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return rows, nil
		}
		if errors.Is(err, io.EOF) {
			err = errors.New("cut short")
		}
		if read += len(line); number == 1000 {
			rows = slices.Grow(rows, int(size)/(read/number))
		}
		var none R
		rows = append(rows, none)
		row := &rows[number-1]
		if err == nil && !fast.read(line, reflect.ValueOf(row).Elem()) {
			*row = none
			err = readRow(line, row)
		}
		if err == nil {
			err = check(row, number)
		}
		if err != nil {
			return rows[:number-1], fmt.Errorf("%s:%d: %w", file, number, err)
		}
	}
}

// readRow reads a record of any form that an agent may write.
func readRow[R any](line []byte, row *R) error {
	if err := decodeStrictly(line, row); err != nil {
		return err
	}
	if !asWritten(line, *row) {
		return errors.New("not as an agent writes it: a field is missing, or there twice")
	}
	return nil
}

// decodeStrictly decodes one JSON value without unknown fields.
func decodeStrictly[V any](data []byte, v *V) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON value")
	}
	return nil
}

// asWritten tells whether a line is what an agent writes of a record, but for
// the way in which characters are escaped.
func asWritten(line []byte, record any) bool {
	again, err := json.Marshal(record)
	var escaped bytes.Buffer
	json.HTMLEscape(&escaped, bytes.TrimSuffix(line, []byte("\n")))
	plain := func(text []byte) []byte { return bytes.ReplaceAll(text, []byte(`\ufffd`), []byte("\ufffd")) }
	return err == nil && bytes.Equal(plain(again), plain(escaped.Bytes()))
}

// A rowCheck is what is known of a file's rows when the next one is read.
type rowCheck struct {
	host    string
	witness Witness
	// The host's life, and how far times may be out of it: programs have other
	// clocks than the agent.
	from, until time.Time
	slack       time.Duration

	last, dumpedAt time.Time
	snapshot       int
	seen           map[rowKey]bool // rows of that dump
}

// A rowKey tells the rows of one dump apart.
type rowKey struct {
	inode    uint64
	pid, fd  int
	protocol string
	FourTuple
}

// header checks and completes what every record carries.
func (c *rowCheck) header(h *Header, line int) error {
	h.Line = line
	switch {
	case h.Host != c.host || h.Witness != c.witness:
		return fmt.Errorf("a record of %q by %q", h.Host, h.Witness)
	case h.Time.IsZero():
		return errors.New("a record without a time")
	case h.Time.Before(c.from.Add(-c.slack)) || !c.until.IsZero() && h.Time.After(c.until.Add(c.slack)):
		return fmt.Errorf("its time %s is not within the host's life", h.Time.Format(time.RFC3339Nano))
	case h.Time.Before(c.last):
		return fmt.Errorf("its time %s is before that of the line before", h.Time.Format(time.RFC3339Nano))
	}
	c.last = h.Time
	return nil
}

// dumped checks a row of a table that is dumped as a whole.
func (c *rowCheck) dumped(snapshot int, key rowKey) error {
	switch {
	case snapshot < 1 || snapshot < c.snapshot:
		return fmt.Errorf("snapshot %d comes after snapshot %d", snapshot, c.snapshot)
	case snapshot == c.snapshot && !c.last.Equal(c.dumpedAt):
		return fmt.Errorf("snapshot %d has several times", snapshot)
	case snapshot > c.snapshot && c.snapshot > 0 && c.last.Equal(c.dumpedAt):
		return fmt.Errorf("snapshot %d has the time of snapshot %d", snapshot, c.snapshot)
	case snapshot != c.snapshot:
		c.seen = make(map[rowKey]bool) // to clear a large one would take longer
	case c.seen[key]:
		return fmt.Errorf("the same row twice in snapshot %d", snapshot)
	}
	c.snapshot, c.dumpedAt, c.seen[key] = snapshot, c.last, true
	return nil
}

func (c *rowCheck) socket(s *Socket, line int) error {
	key := rowKey{inode: s.Inode}
	if s.Inode == 0 {
		key = rowKey{protocol: s.Protocol, FourTuple: FourTuple{Source: s.Local, Destination: s.Remote}}
	}
	if (s.State == Listen && s.Inode == 0) || (s.State == TimeWait && s.Inode != 0) {
		return fmt.Errorf("a socket with inode %d cannot be in %s", s.Inode, s.State)
	}
	return cmp.Or(
		c.header(&s.Header, line),
		c.dumped(s.Snapshot, key),
		checkSocket(s.Protocol, s.State, s.Local, s.Remote))
}

// checkSocket checks what a socket's columns say together.
func checkSocket(protocol, state string, local, remote netip.AddrPort) error {
	switch protocol {
	case "tcp", "tcp6":
		if !slices.Contains(stateNames[1:], state) {
			return fmt.Errorf("state %s is none of TCP's", state)
		}
	case "udp", "udp6":
		if state != Closed && state != Established {
			return fmt.Errorf("state %s is none of UDP's", state)
		}
	default:
		return fmt.Errorf("protocol %s is none of tcp, tcp6, udp and udp6", protocol)
	}
	open := state != Closed && state != Listen
	switch {
	case !local.IsValid() || !remote.IsValid(),
		local.Addr().Is4() != remote.Addr().Is4() && !remote.Addr().IsUnspecified():
		return fmt.Errorf("%s and %s are no endpoints of a socket", local, remote)
	case local.Addr().Is6() && !strings.HasSuffix(protocol, "6"):
		return fmt.Errorf("a socket of %s cannot have %s", protocol, local)
	case state == Listen && (remote.Port() != 0 || !remote.Addr().IsUnspecified() || local.Port() == 0):
		return fmt.Errorf("a socket that listens on %s has no remote end, not %s", local, remote)
	case open && (remote.Port() == 0 || local.Port() == 0), state == Closed && remote.Port() != 0 && strings.HasPrefix(protocol, "tcp"):
		return fmt.Errorf("a socket from %s to %s cannot be %s", local, remote, state)
	}
	return nil
}

func (c *rowCheck) file(f *File, line int) error {
	err := cmp.Or(c.header(&f.Header, line), c.dumped(f.Snapshot, rowKey{pid: f.PID, fd: f.FD}))
	socket := strings.HasPrefix(f.Target, "socket:[")
	switch {
	case err != nil:
		return err
	case f.PID < 1 || f.FD < 0 || f.Type == "" || f.Target == "" || !slices.Contains([]string{"", "r", "w", "u"}, f.Access):
		return fmt.Errorf("descriptor %d%s of process %d is no %q, %q", f.FD, f.Access, f.PID, f.Type, f.Target)
	case socket != (f.Inode != 0) || socket && f.Target != fmt.Sprintf("socket:[%d]", f.Inode):
		return fmt.Errorf("target %q is not that of inode %d", f.Target, f.Inode)
	case f.Protocol != "" && (f.Access != "u" || f.Type != map[bool]string{false: "IPv4", true: "IPv6"}[strings.HasSuffix(f.Protocol, "6")]):
		return fmt.Errorf("a socket of %s that is %q, open for %q", f.Protocol, f.Type, f.Access)
	case f.Protocol != "" && socket:
		return checkSocket(f.Protocol, f.State, f.Local, f.Remote)
	case f.Protocol != "" || f.State != "" || f.Local.IsValid() || f.Remote.IsValid() || f.Type == "IPv4" || f.Type == "IPv6":
		return errors.New("a row of a socket and of none")
	}
	return nil
}

// events are what a program may tell, and whether they are of a connection.
var events = map[string]bool{
	EventListening: false, EventFailed: false, EventStopped: false, EventLine: false, EventPrompt: false, EventCall: false, EventAnswer: false,
	EventAccepted: true, EventConnected: true, EventSent: true, EventReceived: true, EventHolding: true, EventClosed: true,
}

// Check says why what a program printed is no event, although it may look like
// one; an agent then records it as a line.
func (e *ProgramEvent) Check() error {
	connected, known := events[e.Event]
	answers := e.Event == EventCall || e.Event == EventAnswer
	// Of a call that sent or received much, the payload is left out.
	leftOut := answers && len(e.Payload()) == 0
	switch {
	case !known:
		return fmt.Errorf("there is no event %q", e.Event)
	case connected && !(FourTuple{Source: e.Local, Destination: e.Remote}).IsValid():
		return fmt.Errorf("%q without both endpoints", e.Event)
	case e.Text != "" && len(e.Base64) > 0:
		return errors.New("a payload in two forms")
	case e.Event != EventLine && e.Bytes != len(e.Payload()) && !leftOut || e.Bytes < 0:
		return fmt.Errorf("%d bytes with a payload of %d", e.Bytes, len(e.Payload()))
	case e.Served < 0:
		return fmt.Errorf("served %d", e.Served)
	case e.Typed != "" && !answers:
		return fmt.Errorf("%q with a typed line", e.Event)
	case e.Event == EventAnswer && e.Typed == "":
		return errors.New("an answer without the line that was typed")
	}
	return e.Answer.check(answers, e.Event)
}

// check wants an answer where there is one to be: of a call, and of a line, which
// may make none.
func (a Answer) check(answers bool, event string) error {
	none := a == Answer{}
	switch {
	case !answers && !none:
		return fmt.Errorf("%q with the answer of a call", event)
	case a.Call == "" && (event == EventCall || !none):
		return errors.New("an answer of a call without a name")
	case a.Errno != "" && !isErrno(a.Errno):
		return fmt.Errorf("%q is no name of an error", a.Errno)
	case (a.Errno != "") != (a.Result == -1) || a.Result < -1:
		return fmt.Errorf("%s returned %d, with the error %q", a.Call, a.Result, a.Errno)
	case a.Waiting && (a.Errno != "" || a.Result != 0):
		return fmt.Errorf("%s waits, and has answered", a.Call)
	case a.FD < 0:
		return fmt.Errorf("%s of descriptor %d", a.Call, a.FD)
	}
	return nil
}

// isErrno tells whether a text may be an error's name (errno(3)).
func isErrno(name string) bool {
	return len(name) > 1 && name[0] == 'E' && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == ""
}

func (c *rowCheck) event(e *ProgramEvent, line int) error {
	return cmp.Or(c.header(&e.Header, line), e.Check())
}

func (c *rowCheck) translation(t *Translation, line int) error {
	err := cmp.Or(c.header(&t.Header, line), c.dumped(t.Snapshot, rowKey{protocol: t.Protocol, FourTuple: t.Original}))
	if err == nil && t.Protocol != TCP && t.Protocol != UDP {
		err = fmt.Errorf("protocol %s is none of tcp and udp", t.Protocol)
	}
	if err == nil && (!t.Original.IsValid() || !t.Translated.IsValid() || t.Original == t.Translated) {
		err = fmt.Errorf("%s to %s is no translation", t.Original, t.Translated)
	}
	return err
}

package evidence

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"strings"
	"time"
	"unicode"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// What is larger is not read.
const (
	maxCapture = 4 << 30
	maxRecords = 1 << 30
	maxLab     = 64 << 20
)

// clockSlack is how far clocks of one machine are taken to be apart: programs
// and the kernel's captures do not use the agent's.
const clockSlack = time.Second

// defect notes what is wrong with a witness's evidence, if nothing is yet.
func (h *Host) defect(w Witness, format string, args ...any) {
	if h.Defects[w] == "" {
		h.Defects[w] = printable(fmt.Sprintf(format, args...))
	}
}

// printable is the text without what could control a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}

// loadHost reads the files of one host.
func loadHost(root *os.Root, r *Run, lab *topology.Host) *account {
	h := &Host{Name: lab.Name, Defects: make(map[Witness]string), Snapshots: make(map[string]int)}
	h.ran = make(map[programID]bool)
	a := newAccount(r, lab, h)
	c := &rowCheck{host: h.Name, witness: Agent}
	err := withFile(root, FileName(h.Name, Agent), maxRecords, func(file io.Reader, size int64) (err error) {
		h.Events, err = readRows(file, size, FileName(h.Name, Agent), func(e *HostEvent, line int) error {
			if e.Event == HostLost {
				c.last = time.Time{} // the coordinator's clock
			}
			return c.header(&e.Header, line)
		})
		return err
	})
	if err := a.check(h.Events, err); err != nil {
		h.defect(Agent, "%v", err)
	}
	for _, w := range []Witness{Packets, Sockets, Files, Program, Conntrack} {
		if err := h.load(root, a, w); err != nil {
			h.defect(w, "%v", err)
		}
	}
	return a
}

// withFile opens a regular file of at most limit bytes.
func withFile(root *os.Root, name string, limit int64, read func(io.Reader, int64) error) error {
	file, err := openRegular(root, name, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is missing", name)
	}
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if info.Size() > limit {
		return fmt.Errorf("%s has more than %d bytes", name, limit)
	}
	return read(io.LimitReader(file, info.Size()), info.Size())
}

// load reads what a witness wrote. What is not this run's, or not what was
// sealed, is no evidence and not kept; of a host that died, what arrived is.
func (h *Host) load(root *os.Root, a *account, w Witness) error {
	name, limit := FileName(h.Name, w), int64(maxRecords)
	if w == Packets {
		limit = maxCapture
	}
	if w == Conntrack && !a.host.Translates() {
		if _, err := root.Lstat(name); err == nil {
			return fmt.Errorf("%s is of a host that translates nothing", name)
		}
		return nil
	}
	return withFile(root, name, limit, func(file io.Reader, size int64) error {
		seal, sealed := a.seals[w]
		switch {
		case a.foreign != "":
			return errors.New(a.foreign)
		case sealed && size != seal.Bytes:
			return fmt.Errorf("%s was changed after %s sealed it: it has %d bytes, not %d", name, h.Name, size, seal.Bytes)
		case !sealed && a.unsealed == "":
			return fmt.Errorf("%s was not sealed", name)
		}
		sum := sha256.New()
		tee := io.TeeReader(file, sum)
		records, keep, wrong := h.read(tee, size, a, w)
		if _, err := io.Copy(io.Discard, tee); err != nil {
			return fmt.Errorf("%s cannot be read: %w", name, err)
		}
		if sealed && hex.EncodeToString(sum.Sum(nil)) != seal.SHA256 {
			return fmt.Errorf("%s was changed after %s sealed it", name, h.Name)
		}
		keep()
		if !sealed {
			return fmt.Errorf("%s was not sealed: %s", name, a.unsealed)
		}
		return cmp.Or(wrong, seal.check(records))
	})
}

// check compares a seal with the number of records in the file.
func (s Seal) check(records int) error {
	switch {
	case s.Error != "":
		return fmt.Errorf("%s is incomplete: %s", s.File, s.Error)
	case s.Dropped > 0:
		return fmt.Errorf("%s is incomplete: %d were dropped", s.File, s.Dropped)
	case s.Records != records:
		return fmt.Errorf("%s has %d records, its seal says %d", s.File, records, s.Records)
	}
	return nil
}

// read reads the records of a witness, says how many there are and what is
// wrong with them, and returns what keeps them.
func (h *Host) read(r io.Reader, size int64, a *account, w Witness) (records int, keep func(), err error) {
	file := FileName(h.Name, w)
	c := &rowCheck{host: h.Name, witness: w, from: a.registered, until: a.closed}
	switch w {
	case Packets:
		c, err := readPackets(r, size, a)
		return c.frames, func() { h.Packets = c.packets }, err
	case Sockets:
		rows, err := readRows(r, size, file, c.socket)
		return len(rows), func() { h.Sockets = rows }, err
	case Files:
		rows, err := readRows(r, size, file, c.file)
		if err == nil {
			err = h.checkOwners(file, rows)
		}
		return len(rows), func() { h.Files = rows }, err
	case Program:
		c.slack = clockSlack
		rows, err := readRows(r, size, file, c.event)
		if err == nil {
			err = h.checkSpeakers(file, rows)
		}
		return len(rows), func() { h.Program = rows }, err
	default:
		rows, err := readRows(r, size, file, c.translation)
		return len(rows), func() { h.Translations = rows }, err
	}
}

// readPackets reads a capture and compares it with the host's account.
func readPackets(r io.Reader, size int64, a *account) (*capture, error) {
	c := readCapture(r, min(int64(a.seals[Packets].Records), size/minFrame))
	c.check(a.interfaces)
	from, until := a.registered.Add(-clockSlack), a.closed.Add(clockSlack)
	own, loopback := ownAddresses(a.interfaces)
	for i := 0; i < len(c.packets) && c.defect == ""; i++ {
		p := &c.packets[i]
		switch {
		case p.Time.Before(from) || !a.closed.IsZero() && p.Time.After(until):
			c.flaw("has packet %d at %s, which is not within the host's life", p.Number, p.Time.Format(time.RFC3339Nano))
		case loopback[p.Interface] && !(own.has(p.Source.Addr()) && own.has(p.Destination.Addr())):
			c.flaw("has packet %d from %s to %s on %q, which leads to no other host", p.Number, p.Source, p.Destination, p.Interface)
		}
	}
	if c.defect != "" {
		return c, fmt.Errorf("%s %s", FileName(a.host.Name, Packets), c.defect)
	}
	return c, nil
}

// addresses are those of a host.
type addresses map[netip.Addr]bool

// has tells whether packets to the address stay on the host: all of 127.0.0.0/8
// do, and what goes to a group or to everybody goes to the host as well.
func (own addresses) has(a netip.Addr) bool {
	return own[a] || a.IsLoopback() || a.IsMulticast() || a.IsUnspecified()
}

// ownAddresses are a host's addresses, and its interfaces that lead nowhere else.
func ownAddresses(interfaces []Interface) (own addresses, loopback map[string]bool) {
	own, loopback = make(addresses), make(map[string]bool)
	for _, i := range interfaces {
		for _, a := range i.Addresses {
			own[a.Addr()] = true
			loopback[i.Name] = loopback[i.Name] || a.Addr().IsLoopback()
		}
	}
	return own, loopback
}

// checkOwners wants open files to be of programs that were started, and of what
// they started. A child can outlive the process that was started for a moment.
func (h *Host) checkOwners(file string, rows []File) error {
	type owner struct {
		snapshot int
		program  string
	}
	has, last := make(map[owner]bool), make(map[string]int)
	for i := range rows {
		if f := &rows[i]; h.ran[programID{f.Program, f.PID}] {
			has[owner{f.Snapshot, f.Program}], last[f.Program] = true, f.Snapshot
		}
	}
	for i := range rows {
		f := &rows[i]
		ended, seen := last[f.Program]
		if !has[owner{f.Snapshot, f.Program}] && (!seen || f.Snapshot < ended) {
			return fmt.Errorf("%s:%d: process %d is no program that was started, and nothing of one is in snapshot %d", file, f.Line, f.PID, f.Snapshot)
		}
	}
	return nil
}

// checkSpeakers wants events to be told by processes that were started, or by
// their children: those that have open files, and as many more as were forked, by
// numbers of their own.
func (h *Host) checkSpeakers(file string, rows []ProgramEvent) error {
	children, programs, forked := make(map[int]bool), make(map[string]bool), make(map[string]int)
	for i := range h.Files {
		children[h.Files[i].PID] = true
	}
	for _, p := range h.Processes {
		programs[p.Program] = true
	}
	for i := range rows {
		e := &rows[i]
		if e.Event == EventCall && e.Call == "fork" && e.Errno == "" {
			forked[e.Program]++
		}
		if !children[e.PID] && !h.ran[programID{e.Program, e.PID}] && forked[e.Program] > 0 {
			children[e.PID] = true
			forked[e.Program]--
		}
		child := children[e.PID] || h.Defect(Files) != ""
		if !h.ran[programID{e.Program, e.PID}] && !(child && programs[e.Program]) {
			return fmt.Errorf("%s:%d: process %d of program %q was not started", file, e.Line, e.PID, e.Program)
		}
	}
	return nil
}

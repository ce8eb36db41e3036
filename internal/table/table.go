// Package table has the tables that claims are about: what columns they have,
// their rows in a run, and expressions on one row in CEL
// (https://github.com/google/cel-spec). It is pure.
//
// # Tables
//
// Every host has tables of its own, called HOST.sockets, HOST.files and so on,
// one for each witness; connections, datagrams and steps are of the whole run. A
// column is one entry of its kind's list of columns, and a kind one file.
//
// # What is known
//
// A cell is known if enough of the witnesses that can tell it have whole
// evidence of its row, and none of them contradicts another: see Standing and
// Quorum. A cell that is not is a CEL unknown, and so is what an expression
// makes of it, unless the rest of the expression decides it alone: false &&
// unknown is false. What is known not to be there has its type's zero value; the
// state of a socket that is not there is CLOSE.
package table

import (
	"slices"
	"time"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// A Kind is one sort of table.
type Kind struct {
	// Name is "connections", "datagrams", "steps", or of a host's table the part
	// after the dot: "sockets", "files", "packets", "program", "conntrack".
	Name string
	// OfHost says that every host has one, called HOST.NAME; else it is a joined
	// table of the whole run.
	OfHost  bool
	Doc     string
	Columns []Column
	// Dumped says that the rows belong to snapshots; else they are events, each
	// at a time.
	Dumped bool

	// witnesses are all that can tell a column, in the order of their bits.
	witnesses []string
	text      func(*Row) string
	time      func(*Row) (from, until time.Time)
	compiler  *compiler
}

// A Column is a column of a table.
type Column struct {
	// Name may have a dot in it, as "local.port".
	Name string
	// Type is CEL's: "string", "int", "bool", "list(string)".
	Type string
	// Unit is "bytes", "seconds" and so on; empty for none.
	Unit, Doc string
	// Witnesses are those that can tell it: of a connection some of
	// evidence.ColumnNames, of a host's table its own one, as "sockets". Where its
	// entry has none they are all of a joined table, the own one of a host's.
	Witnesses []string
	// Values are all that a string can be besides the empty one; nil if that is
	// not known.
	Values []string

	// value is a bool, an int64, a string or a []string; nil where the evidence
	// does not tell.
	value func(*Row) any
	// absent says that a witness whose own evidence is whole tells by having
	// nothing of the row, as a socket table without a socket. That only counts
	// if vouch, a capture, has the row, so that it is known what to look for.
	absent bool
	vouch  string
	// from is the witness that the value is taken from; the others only confirm
	// it. Empty if all of them have the same.
	from string
	// within are those that can tell it of a row whose addresses were translated
	// on the way; nil are all.
	within []string

	// The sets of Witnesses, of from and of within.
	mask, source, unchanged mask
}

// A Gap is a witness that is missing, cut short or contradicted.
type Gap struct {
	// Witness is "client2.packets", "server.host", or empty of no one witness's.
	Witness string
	// Why is a sentence without a full stop; empty for no gap.
	Why string
}

// A Row is one row of a table.
type Row struct {
	// File and Line are where it is in the run folder; of a capture, Line is the
	// number of the packet.
	File string
	Line int

	kind *Kind
	// record is a pointer to what the kind's rows are: *evidence.Socket and so
	// on.
	record any
	source *source
	// changed says that addresses were translated on the way.
	changed bool
	// of are the standings to the row, byHost those of the witnesses' evidence
	// as a whole, whatever they have of the row.
	of, byHost standings
}

// A source is what rows of one table have in common.
type source struct {
	tables *Tables
	// host is nil in a joined table.
	host *evidence.Host
	to   *moment
	gaps func(r *Row, witness string) Gap
}

// Text is the row as people read it: netstat's form, lsof's, a packet list's.
func (r *Row) Text() string { return r.kind.text(r) }

// Time is when the event of the row happened: not before from, and not after
// until. A polled row stands for the time between two polls. Both are zero for a
// step that was not done.
func (r *Row) Time() (from, until time.Time) { return r.kind.time(r) }

// A Standing is how a witness stands to a row.
type Standing int

// The standings, from best to worst.
const (
	// Whole: it has whole evidence of the row.
	Whole Standing = iota
	// NotAsked: it does not apply to the row, as the router of a connection that
	// crosses none.
	NotAsked
	// Absent: its own evidence is whole, but it has nothing, or not all, of this
	// row.
	Absent
	// Broken: its evidence is missing, edited or cut short.
	Broken
	// Contradicted: it says other things than another witness.
	Contradicted
)

// A mask is a set of witnesses of a kind, a bit each.
type mask uint16

// standings are those of all witnesses of a kind. One that is in none of the
// sets is not asked.
type standings struct{ whole, absent, broken, contradicted mask }

func (s *standings) set(bit mask, to Standing) {
	switch to {
	case Whole:
		s.whole |= bit
	case Absent:
		s.absent |= bit
	case Broken:
		s.broken |= bit
	case Contradicted:
		s.contradicted |= bit
	}
}

func (s *standings) of(bit mask) Standing {
	switch {
	case s.contradicted&bit != 0:
		return Contradicted
	case s.broken&bit != 0:
		return Broken
	case s.absent&bit != 0:
		return Absent
	case s.whole&bit != 0:
		return Whole
	}
	return NotAsked
}

// Standing is how a witness stands to the row, and why not better than that.
func (r *Row) Standing(witness string) (Standing, Gap) {
	standing := NotAsked
	if n := slices.Index(r.kind.witnesses, witness); n >= 0 {
		standing = r.of.of(1 << n)
	}
	if standing == Whole || standing == NotAsked {
		return standing, Gap{}
	}
	return standing, r.source.gaps(r, witness)
}

// A Quorum is what makes a cell known.
type Quorum struct {
	// Witnesses are those that count; nil are all that can tell a column.
	Witnesses []string
	// SeenBy is how many of them must have whole evidence; 0 is two in a joined
	// table, one in a host's, and never more than can tell the column of the row.
	SeenBy int
}

// A Value is what an expression is on a row: a bool, an int64, a string, or
// unknown. A list is its elements, with ", " between them.
type Value struct {
	Value any
	// Unknown has the witnesses for want of which the value is not known; empty
	// if it is known.
	Unknown []Gap
	// Blocked has the witnesses that could tell and are Broken, although a quorum
	// tells: enough to refute, not to hold.
	Blocked []Gap
}

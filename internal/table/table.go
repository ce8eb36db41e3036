// Package table has the tables that claims are about: what columns they have,
// their rows in a run, and expressions on one row in CEL
// (https://github.com/google/cel-spec). It is pure. A new column is one entry.
package table

import (
	"errors"
	"time"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
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
	// evidence.ColumnNames, of a host's table its own one, as "sockets".
	Witnesses []string

	value func(*Row) any
}

// Kinds are all kinds of tables, in the order in which they are listed.
func Kinds() []Kind { return nil }

// Find is the kind of a table of the lab; its error names the nearest right
// word. The host is empty for a joined table.
func Find(lab *topology.Lab, name string) (kind Kind, host string, err error) {
	return Kind{}, "", errors.New("not yet")
}

// An Expression is a CEL expression on one row.
type Expression struct {
	// Text is as the lab has it, Columns the columns that it uses.
	Text    string
	Columns []string
	// Bool says that its type is bool.
	Bool bool
}

// A SyntaxError is why a text is no expression on rows of a table.
type SyntaxError struct {
	Offset int // in bytes
	Reason string
}

func (e *SyntaxError) Error() string { return e.Reason }

// Compile compiles an expression on rows of a kind. Its error is a *SyntaxError.
func (k *Kind) Compile(text string) (*Expression, error) { return nil, &SyntaxError{Reason: "not yet"} }

// Tables are the tables of one run.
type Tables struct{ run *evidence.Run }

// Open makes the tables of a run, each when it is first asked for.
func Open(run *evidence.Run) *Tables { return &Tables{run} }

// A Span is what part of a run rows are taken from: the rows of the snapshot To,
// or the events from From, exclusive, to To, inclusive. An empty To is the last
// snapshot of the lab, an empty From the beginning.
type Span struct{ From, To string }

// Rows are the rows of a table. Their gap is what keeps the table from being
// whole, so that it may lack rows: empty if nothing does.
func (t *Tables) Rows(name string, span Span) (rows []*Row, gap Gap, err error) {
	return nil, Gap{}, errors.New("not yet")
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
}

// Text is the row as people read it: netstat's form, lsof's, a packet list's.
func (r *Row) Text() string { return "" }

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

// Standing is how a witness stands to the row, and why not better than that.
func (r *Row) Standing(witness string) (Standing, Gap) { return Whole, Gap{} }

// A Quorum is what makes a cell known.
type Quorum struct {
	// Witnesses are those that count; nil are all that can tell a column.
	Witnesses []string
	// SeenBy is how many of them must have whole evidence; 0 is two in a joined
	// table, one in a host's, and never more than can tell the column.
	SeenBy int
}

// A Value is what an expression is on a row: a bool, an int64, a string, or
// unknown.
type Value struct {
	Value any
	// Unknown has the witnesses for want of which the value is not known; empty
	// if it is known.
	Unknown []Gap
	// Blocked has the witnesses that could tell and are Broken, although a quorum
	// tells: enough to refute, not to hold.
	Blocked []Gap
}

// Evaluate is the expression's value on a row.
func (e *Expression) Evaluate(r *Row, q Quorum) Value { return Value{} }

// Cell is a column's value on a row.
func (r *Row) Cell(column string, q Quorum) Value { return Value{} }

// Time is when the event of the row happened: not before from, and not after
// until. A polled row stands for the time between two polls.
func (r *Row) Time() (from, until time.Time) { return time.Time{}, time.Time{} }

// Watch makes a watch of a Wait step. What it returns is called with the records
// that the table's witness wrote since the last call, whole ones, from the
// beginning of the run on, and tells whether the wait is over: a row of the last
// dump, or any event so far, is as the step wants it.
func Watch(lab *topology.Lab, step topology.Step) (func(records []byte) (bool, error), error) {
	return nil, errors.New("not yet")
}

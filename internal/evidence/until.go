package evidence

import (
	"sort"
	"time"
)

// Until is what a host's packets are until a time, of packets in their order; all
// of them for the zero time.
func Until(packets []Packet, at time.Time) []Packet {
	if n := len(packets); n == 0 || within(packets[n-1].Time, at) {
		return packets
	}
	n := sort.Search(len(packets), func(i int) bool { return !within(packets[i].Time, at) })
	return packets[:n:n]
}

// within tells whether something happened until a time; the zero time is the
// end.
func within(happened, until time.Time) bool { return until.IsZero() || !happened.After(until) }

// A dumped is a record of a table that is written down as a whole, again and
// again: the number of the dump, and its time.
type dumped[R any] interface {
	*R
	dump() (number int, at time.Time)
}

func (s *Socket) dump() (int, time.Time)      { return s.Snapshot, s.Time }
func (f *File) dump() (int, time.Time)        { return f.Snapshot, f.Time }
func (t *Translation) dump() (int, time.Time) { return t.Snapshot, t.Time }

// Dump are the rows of one dump, of rows in the order of dumps.
func Dump[R any, P dumped[R]](rows []R, number int) []R {
	from := firstOf[R, P](rows, number)
	until := from + firstOf[R, P](rows[from:], number+1)
	return rows[from:until:until]
}

// LastDump is the number of the last dump; 0 if there is none.
func LastDump[R any, P dumped[R]](rows []R) (number int) {
	if len(rows) > 0 {
		number, _ = P(&rows[len(rows)-1]).dump()
	}
	return number
}

// Polled are the times of the dump before, and of the dump itself; zero if there
// is none.
func Polled[R any, P dumped[R]](rows []R, number int) (before, at time.Time) {
	first := firstOf[R, P](rows, number)
	if first > 0 {
		_, before = P(&rows[first-1]).dump()
	}
	if first < len(rows) {
		_, at = P(&rows[first]).dump()
	}
	return before, at
}

// firstOf is the index of the first row of a dump, or of a later one.
func firstOf[R any, P dumped[R]](rows []R, number int) int {
	return sort.Search(len(rows), func(i int) bool {
		n, _ := P(&rows[i]).dump()
		return n >= number
	})
}

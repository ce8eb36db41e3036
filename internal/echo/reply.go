package echo

import "slices"

// replies follows what a server answers, byte by byte, and knows at each byte which of the allowed ways to cut
// the messages into pieces still fit: it is a nondeterministic automaton, run on all its states at once. The
// zero value has no message to be answered.
//
// It takes one step for each byte and state. There is one state but for messages that contain parts of Prefix.
type replies struct {
	want   []byte     // the messages, end to end, since the last moment that left no doubt
	starts []int      // where in want each message begins: a piece never spans two messages
	heard  []byte     // what came since that moment
	whole  int        // how many bytes of heard end the last message in one way or another; -1: none yet
	told   int        // how many bytes of heard have been handed out by next
	at     []position // the ways that still fit
	spare  []position // room for the next step
}

// position is one way to read what came so far.
type position struct {
	message int // bytes of want that have come back
	prefix  int // bytes of the current piece's Prefix that have come, or one of the two values below
}

// In a piece whose Prefix has come.
const (
	pieceEmpty  = len(Prefix)     // no byte of the message after it yet: the piece cannot end here
	pieceFilled = len(Prefix) + 1 // at least one byte: it can
)

// expect adds a message of at least one byte, whose reply comes after those of earlier messages. What came too
// early for them is looked at again: a server may have answered sooner than it was asked.
func (r *replies) expect(message []byte) error {
	if r.settled() {
		r.want, r.starts, r.heard, r.told = r.want[:0], r.starts[:0], r.heard[:0], 0
	}
	r.starts = append(r.starts, len(r.want))
	r.want = append(r.want, message...)

	again := r.heard
	r.heard, r.whole = nil, -1
	r.at = append(r.at[:0], position{0, pieceFilled})
	return r.feed(again)
}

// feed takes bytes that came. The error is a *WrongReplyError: no allowed way fits any more.
func (r *replies) feed(data []byte) error {
	for i, b := range data {
		r.step(b)
		r.heard = append(r.heard, b)
		if slices.Contains(r.at, position{len(r.want), pieceFilled}) {
			r.whole = len(r.heard)
		}
		if len(r.at) == 0 && !r.complete() {
			return &WrongReplyError{
				Message: slices.Clone(r.current()),
				Heard:   slices.Concat(r.heard, data[i+1:]),
				At:      len(r.heard),
			}
		}
	}
	return nil
}

// step follows every way by one byte.
func (r *replies) step(b byte) {
	next := r.spare[:0]
	for _, p := range r.at {
		next = r.follow(next, p, b)
	}
	r.at, r.spare = next, r.at
}

// follow adds to next where one way leads by one byte: nowhere, or to one or two positions.
func (r *replies) follow(next []position, p position, b byte) []position {
	if p.prefix < len(Prefix) {
		if b == Prefix[p.prefix] {
			next = add(next, position{p.message, p.prefix + 1})
		}
		return next
	}
	if p.message == len(r.want) {
		return next
	}
	mayGoOn := p.prefix == pieceEmpty || !slices.Contains(r.starts, p.message)
	if mayGoOn && b == r.want[p.message] {
		next = add(next, position{p.message + 1, pieceFilled})
	}
	if p.prefix == pieceFilled && b == Prefix[0] {
		next = add(next, position{p.message, 1})
	}
	return next
}

// add is the set with one position more: two ways can meet where a message repeats Prefix.
func add(set []position, p position) []position {
	if slices.Contains(set, p) {
		return set
	}
	return append(set, p)
}

// complete reports whether every message has been answered in one way or another.
func (r *replies) complete() bool { return r.whole >= 0 }

// surplus is what came after the last reply was complete. It may turn out to belong to it.
func (r *replies) surplus() []byte { return r.heard[max(r.whole, 0):] }

// settled reports whether there is but one way to read what came, and nothing is left of it.
func (r *replies) settled() bool {
	return len(r.want) == 0 && len(r.heard) == 0 ||
		r.complete() && len(r.surplus()) == 0 && r.told == len(r.heard) && len(r.at) == 1
}

// next hands out what came since the last call and belongs to replies that are complete.
func (r *replies) next() []byte {
	text := slices.Clone(r.heard[r.told:max(r.whole, r.told)])
	r.told += len(text)
	return text
}

// current is the message that waits for its reply.
func (r *replies) current() []byte {
	if len(r.starts) == 0 {
		return nil
	}
	return r.want[r.starts[len(r.starts)-1]:]
}

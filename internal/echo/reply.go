package echo

import "slices"

// A reply follows the answer to one message, byte by byte, along all the ways to
// cut the message into pieces that fit what came so far: a message may contain
// the words of Prefix itself. There is one way but for such messages.
type reply struct {
	message []byte
	heard   []byte
	ways    []way
	spare   []way // room for the next step
	whole   int   // how many bytes of heard end the message in one way; 0: none yet
}

// A way is one reading of what came so far.
type way struct {
	message int // bytes of the message that have come back
	prefix  int // bytes of the current piece's Prefix that have come, or one of the two below
}

// In a piece whose Prefix has come.
const (
	pieceEmpty  = len(Prefix)     // no byte of the message after it yet: the piece cannot end here
	pieceFilled = len(Prefix) + 1 // at least one byte: it can
)

func newReply(message []byte) *reply {
	return &reply{message: message, ways: []way{{0, 0}}}
}

// hear takes bytes that came and returns the number of the first of all heard,
// from 1, that fits no way; 0 where all fit.
func (r *reply) hear(data []byte) (wrong int) {
	for i, b := range data {
		r.heard = append(r.heard, b)
		next := r.spare[:0]
		for _, w := range r.ways {
			next = w.follow(next, r.message, b)
		}
		r.ways, r.spare = next, r.ways
		if len(next) == 0 {
			wrong = len(r.heard)
			r.heard = append(r.heard, data[i+1:]...)
			return wrong
		}
		if slices.Contains(next, way{len(r.message), pieceFilled}) {
			r.whole = len(r.heard)
		}
	}
	return 0
}

// complete says that the message has been answered, and nothing came after it
// that the answer does not have in any way.
func (r *reply) complete() bool { return r.whole > 0 && r.whole == len(r.heard) }

// follow adds where one way leads by one byte: nowhere, or on by one or two.
func (w way) follow(next []way, message []byte, b byte) []way {
	add := func(w way) {
		if !slices.Contains(next, w) { // ways meet where a message repeats Prefix
			next = append(next, w)
		}
	}
	switch {
	case w.prefix < len(Prefix):
		if b == Prefix[w.prefix] {
			add(way{w.message, w.prefix + 1})
		}
	case w.message < len(message):
		if b == message[w.message] {
			add(way{w.message + 1, pieceFilled})
		}
		if w.prefix == pieceFilled && b == Prefix[0] {
			add(way{w.message, 1})
		}
	}
	return next
}

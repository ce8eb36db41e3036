package echo

import "bytes"

// A reply takes the answer to one message apart as it comes. Words of the message
// that are those of Prefix are taken for the message where it has them next.
type reply struct {
	heard   []byte // all that came
	rest    []byte // what came and has not been read yet
	message []byte // what has not come back yet
	open    bool   // a piece has begun, by its Prefix
	filled  bool   // and has a byte: it may end
}

// hear takes bytes that came and says whether they fit so far.
func (r *reply) hear(data []byte) bool {
	r.heard, r.rest = append(r.heard, data...), append(r.rest, data...)
	for len(r.rest) > 0 {
		switch {
		case r.filled && len(r.message) > 0 && bytes.HasPrefix(r.rest, []byte(Prefix)) && !bytes.HasPrefix(r.message, []byte(Prefix)):
			r.open, r.filled = false, false
		case r.open && len(r.message) > 0 && r.rest[0] == r.message[0]:
			r.rest, r.message, r.filled = r.rest[1:], r.message[1:], true
		case !r.open && bytes.HasPrefix(r.rest, []byte(Prefix)):
			r.rest, r.open = r.rest[len(Prefix):], true
		default: // only the beginning of a Prefix fits
			return (!r.open || r.filled && len(r.message) > 0) && bytes.HasPrefix([]byte(Prefix), r.rest)
		}
	}
	return true
}

// complete says that the message has come back, and nothing else.
func (r *reply) complete() bool { return len(r.message) == 0 && len(r.rest) == 0 && r.open }

package echo

import "fmt"

// WrongReplyError says that a server sent something other than the protocol allows.
type WrongReplyError struct {
	// Message is what the client sent; nil where it is the greeting that is wrong.
	Message []byte
	// Heard is what came in answer, as far as it was read.
	Heard []byte
	// At is the number of the first byte of Heard that does not fit, counted from one.
	At int
}

// Error is one sentence, with no more of the reply than a line can take.
func (e *WrongReplyError) Error() string {
	what := "the greeting"
	if e.Message != nil {
		what = "the reply to " + quote(e.Message)
	}
	return fmt.Sprintf("%s is wrong at byte %d: %s", what, e.At, quote(e.Heard))
}

// quote is a payload in quotes, its middle left out where it is long.
func quote(payload []byte) string {
	const ends = 30
	if len(payload) <= 2*ends {
		return fmt.Sprintf("%q", payload)
	}
	return fmt.Sprintf("%q…%q", payload[:ends], payload[len(payload)-ends:])
}

package evidence

import "net/netip"

// What a program may say of itself. A program that says nothing, or other
// things, is no worse a program: it is only no witness.
const (
	SaidListening = "listening"
	SaidAccepted  = "accepted"
	SaidConnected = "connected"
	SaidSent      = "sent"
	SaidReceived  = "received"
	SaidHolding   = "holding"
	SaidClosed    = "closed"
	SaidFailed    = "failed"
	SaidStopped   = "stopped"
	// SaidLine is a line of output that is no event: Text holds it.
	SaidLine = "line"
)

// An Account is one event that the program told of itself.
type Account struct {
	Header
	Event  string         `json:"event"`
	Local  netip.AddrPort `json:"local,omitzero"`
	Remote netip.AddrPort `json:"remote,omitzero"`
	// Bytes is the length of the payload, Text the payload where it is UTF-8,
	// Base64 where it is not.
	Bytes  int    `json:"bytes,omitempty"`
	Text   string `json:"text,omitempty"`
	Base64 []byte `json:"base64,omitempty"`
	// Served is how many connections a server has served.
	Served int    `json:"served,omitempty"`
	Error  string `json:"error,omitempty"`
}

// Payload is the event's payload in bytes.
func (a Account) Payload() []byte {
	if len(a.Base64) > 0 {
		return a.Base64
	}
	return []byte(a.Text)
}

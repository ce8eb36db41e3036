package agent

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

func TestParseAccount(t *testing.T) {
	said := parseAccount([]byte(`{"event":"accepted","local":"10.12.0.10:12000","remote":"10.12.1.10:40000"}`))
	assert.Equal(t, evidence.SaidAccepted, said.Event)
	assert.Equal(t, netip.MustParseAddrPort("10.12.1.10:40000"), said.Remote)
	for _, line := range []string{"Connected to: 10.12.1.10:40000", "{", `{"no":"event"}`, `{"event":7}`, `{"event":"accepted","local":"here"}`} {
		said := parseAccount([]byte(line))
		assert.Equal(t, evidence.SaidLine, said.Event, line)
		assert.Equal(t, line, said.Text)
		assert.False(t, said.Local.IsValid(), line)
	}
}

func FuzzParseAccount(f *testing.F) {
	f.Add([]byte(`{"event":"accepted","local":"10.12.0.10:12000"}`))
	f.Add([]byte("plain"))
	f.Fuzz(func(t *testing.T, line []byte) {
		if len(line) == 0 {
			return
		}
		said := parseAccount(line)
		if said.Event == "" {
			t.Fatal("an event without a name")
		}
		if strings.ContainsAny(narrate(evidence.Account{Event: evidence.SaidReceived, Text: said.Text}), "\n\r\x1b") {
			t.Fatal("a payload breaks out of its line")
		}
	})
}

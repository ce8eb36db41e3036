package agent

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// Times of a file never go back, nor come from the future or from a program
// that lies.
func TestTimesNeverGoBack(t *testing.T) {
	r := newRecorder("server", func(evidence.Witness, []byte) error { return nil })
	o := r.output(evidence.Program)
	var last time.Time
	for _, at := range []time.Time{{}, time.Now().Add(-time.Hour), time.Now().Add(time.Hour), {}, last} {
		require.NoError(t, add(o, at, []evidence.ProgramEvent{{}}, func(_ *evidence.ProgramEvent, h evidence.Header) {
			assert.False(t, h.Time.Before(last))
			assert.False(t, h.Time.After(time.Now()))
			assert.Equal(t, time.UTC, h.Time.Location())
			last = h.Time
		}))
	}
}

// After an error nothing more is recorded, and the seal says so.
func TestSealsOfWhatCouldNotBeRecorded(t *testing.T) {
	full := errors.New("no space left on device")
	var fails error
	var recorded strings.Builder
	r := newRecorder("server", func(_ evidence.Witness, p []byte) error {
		recorded.Write(p)
		return fails
	})
	require.NoError(t, r.tell(evidence.HostEvent{}), "the account is not sealed")
	require.NoError(t, r.open(evidence.Files))
	o := r.output(evidence.Packets)
	_, err := o.Write([]byte("abc"))
	require.NoError(t, err)
	o.count(2, 1)
	fails = full
	for range 2 {
		_, err = o.Write([]byte("def"))
		require.ErrorIs(t, err, full)
		fails = nil
	}
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	assert.Equal(t, []evidence.Seal{
		{Witness: evidence.Files, File: "server.files.jsonl", SHA256: empty},
		{
			Witness: evidence.Packets, File: "server.pcapng", Bytes: 3, Records: 2, Dropped: 1, Error: full.Error(),
			SHA256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		},
	}, r.seals())
	assert.Equal(t, 1, strings.Count(recorded.String(), "def"))
}

func TestParseEvent(t *testing.T) {
	e := parseEvent([]byte(`{"event":"accepted","local":"10.12.0.10:12000","remote":"[fd12::1]:40000"}`))
	assert.Equal(t, evidence.EventAccepted, e.Event)
	assert.Equal(t, "[fd12::1]:40000", e.Remote.String())
	for _, line := range []string{"Connected to: 10.12.1.10:40000", "{", `{"no":"event"}`, `{"event":7}`, `{"event":"user logged in","level":"info"}`, `{"event":"closed","level":"info"}`, `{"event":"accepted","local":"here"}`, "\xff"} {
		e := parseEvent([]byte(line))
		assert.Equal(t, evidence.EventLine, e.Event, line)
		assert.Equal(t, line, string(e.Payload()))
		assert.False(t, e.Local.IsValid(), line)
	}
}

func FuzzParseEvent(f *testing.F) {
	f.Add([]byte(`{"event":"accepted","local":"10.12.0.10:12000"}`))
	f.Add([]byte(`{"event":"\u001b[2J","error":"\n"}`))
	f.Add([]byte("plain\x1b"))
	f.Fuzz(func(t *testing.T, line []byte) {
		if len(line) == 0 {
			return
		}
		e := parseEvent(line)
		if e.Event == "" {
			t.Fatal("an event without a name")
		}
		if strings.ContainsFunc(strings.ReplaceAll(inWords(e), "\t", ""), unicode.IsControl) {
			t.Fatal("a program breaks out of its line")
		}
	})
}

package echo

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with a file under testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, strings.ReplaceAll(string(want), "\r\n", "\n"), got)
}

// account is one of each event, as a server or a client has them.
func account(at, from string) []Event {
	local, remote := netip.MustParseAddrPort(at), netip.MustParseAddrPort(from)
	one := 1
	events := []Event{
		{Event: Listening, Local: local},
		{Event: Accepted, Local: local, Remote: remote},
		{Event: Connected, Local: local, Remote: remote},
		Event{Event: Sent, Local: local, Remote: remote}.carrying([]byte(Greeting)),
		Event{Event: Received, Local: local, Remote: remote}.carrying([]byte(Greeting)),
		Event{Event: Received, Local: local, Remote: remote}.carrying([]byte(Prefix + "안녕 <\"\x00\u2028>")),
		Event{Event: Received, Local: local, Remote: remote}.carrying([]byte(Prefix + "\xff")),
		{Event: Holding, Local: local, Remote: remote},
		Event{Event: Failed}.because(errors.New("connect to 10.12.0.10:12000: connection refused")),
		{Event: Closed, Local: local, Remote: remote},
		Event{Event: Closed, Local: local, Remote: remote, Served: &one}.because(errGraceOver),
		{Event: Stopped, Local: local, Served: new(int)},
	}
	for i := range events {
		events[i].Time = time.Date(2026, 11, 23, 4, 5, 6, 7000*i+890, time.UTC)
	}
	return events
}

func TestJournalsAgainstGoldenFiles(t *testing.T) {
	for name, open := range map[string]func(*bytes.Buffer) *Journal{
		"events.jsonl": func(b *bytes.Buffer) *Journal { return NewJSONLines(b) },
		"server.txt":   func(b *bytes.Buffer) *Journal { return NewServerText(b) },
		"client.txt":   func(b *bytes.Buffer) *Journal { return NewClientText(b) },
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			journal := open(&out)
			for _, e := range account("10.12.0.10:12000", "[fd12::10]:40992") {
				journal.Record(e)
			}
			require.NoError(t, journal.Err())
			golden(t, name, out.String())
		})
	}
}

func TestEventsReadBack(t *testing.T) {
	for _, e := range account("10.12.0.10:12000", "10.12.1.10:40992") {
		var again Event
		require.NoError(t, json.Unmarshal(jsonLine(e), &again))
		assert.Equal(t, e, again)
	}
}

func FuzzEventPayload(f *testing.F) {
	f.Add([]byte("hello"))
	f.Add([]byte("\xed\x95"))
	f.Add([]byte("\"\\\n\x00\u2028<&>"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		line := jsonLine(Event{Event: Sent}.carrying(payload))
		assert.Equal(t, 1, bytes.Count(line, []byte("\n")))
		assert.True(t, bytes.HasSuffix(line, []byte("\n")))
		var again Event
		require.NoError(t, json.Unmarshal(line, &again))
		assert.Equal(t, string(payload), string(again.Payload()))
		assert.Equal(t, len(payload), again.Bytes)
	})
}

// The server uses its buffer again: an event must not change after it was recorded.
func TestEventsOwnTheirPayload(t *testing.T) {
	for _, payload := range []string{"text", "\xff\xfe"} {
		buffer := []byte(payload)
		e := Event{}.carrying(buffer)
		clear(buffer)
		assert.Equal(t, payload, string(e.Payload()))
	}
}

func TestEventsWithoutRecorder(t *testing.T) {
	assert.NotPanics(t, func() { Recorder(nil).record(Event{Event: Listening}) })
}

// writes counts calls of Write, and fails at one of them.
type writes struct {
	bytes.Buffer
	calls, failAt int
}

func (w *writes) Write(data []byte) (int, error) {
	if w.calls++; w.calls == w.failAt {
		return 0, errors.New("disk full")
	}
	return w.Buffer.Write(data)
}

func TestJournalWritesEachLineAtOnce(t *testing.T) {
	var out writes
	journal := NewJSONLines(&out)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				journal.Record(Event{Event: Sent}.carrying([]byte(strings.Repeat("x", 1000))))
			}
		})
	}
	all.Wait()
	assert.Equal(t, 800, out.calls)
	for line := range bytes.Lines(out.Bytes()) {
		require.True(t, json.Valid(line))
	}
}

func TestJournalStopsAtAnError(t *testing.T) {
	out := writes{failAt: 2}
	journal := NewJSONLines(&out)
	for range 3 {
		journal.Record(Event{Event: Listening})
	}
	assert.EqualError(t, journal.Err(), "write events: disk full")
	assert.Equal(t, 2, out.calls)
	assert.Equal(t, 1, bytes.Count(out.Bytes(), []byte("\n")))
}

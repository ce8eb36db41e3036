package agent

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"hash"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// pieceSize is about how many bytes of records are handed on at once: a table
// may have many more, and they may go out over a stream (package run).
const pieceSize = 32 << 10

// A recorder hands on what a host's witnesses write, and keeps what their seals
// will say.
type recorder struct {
	host   string
	record func(evidence.Witness, []byte) error
	// begun has the wall clock's and the monotonic clock's time: times are
	// counted from it, so that a clock that is set does not turn them back.
	begun time.Time

	mu      sync.Mutex
	outputs map[evidence.Witness]*output
}

func newRecorder(host string, record func(evidence.Witness, []byte) error) *recorder {
	return &recorder{host: host, record: record, begun: time.Now(), outputs: make(map[evidence.Witness]*output)}
}

// An output is the file of one witness while it is written.
type output struct {
	recorder *recorder
	witness  evidence.Witness

	mu      sync.Mutex
	hash    hash.Hash
	last    time.Time // of the last record
	bytes   int64
	records int
	dropped int
	err     error
}

// output is the witness's output.
func (r *recorder) output(w evidence.Witness) *output {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.outputs[w] == nil {
		r.outputs[w] = &output{recorder: r, witness: w, hash: sha256.New()}
	}
	return r.outputs[w]
}

// open makes the witness's file, although there may never be a record in it.
func (r *recorder) open(w evidence.Witness) error {
	_, err := r.output(w).Write(nil)
	return err
}

// Write adds whole records. After an error every further Write returns that
// error: a file with a hole is no evidence.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.write(p)
}

func (o *output) write(p []byte) (int, error) {
	if o.err != nil {
		return 0, o.err
	}
	if o.err = o.recorder.record(o.witness, p); o.err != nil {
		return 0, o.err
	}
	o.hash.Write(p)
	o.bytes += int64(len(p))
	return len(p), nil
}

// add writes records, one JSON object a line, all of the given time or, if that
// is zero, of now. Times of one output never go back, and are never to come.
func add[R any](o *output, at time.Time, records []R, stamp func(*R, evidence.Header)) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.recorder.begun.Add(time.Since(o.recorder.begun)).Round(0)
	if at.IsZero() || at.After(now) {
		at = now
	}
	if at.Before(o.last) {
		at = o.last
	}
	o.last = at
	header := evidence.Header{Time: at.UTC(), Host: o.recorder.host, Witness: o.witness}
	var lines bytes.Buffer
	encoder := json.NewEncoder(&lines)
	encoder.SetEscapeHTML(false)
	for i, r := range records {
		stamp(&r, header)
		if err := encoder.Encode(r); err != nil {
			return err
		}
		if i < len(records)-1 && lines.Len() < pieceSize {
			continue
		}
		if _, err := o.write(lines.Bytes()); err != nil {
			return err
		}
		lines.Reset()
	}
	if len(records) == 0 {
		_, _ = o.write(nil)
	}
	o.records += len(records)
	return o.err
}

// count adds to what the seal will say of records that add does not write, and
// of what the witness knows that it missed.
func (o *output) count(records, dropped int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.records += records
	o.dropped += dropped
}

// tell adds an event to the agent's account.
func (r *recorder) tell(e evidence.HostEvent) error {
	return add(r.output(evidence.Agent), time.Time{}, []evidence.HostEvent{e},
		func(e *evidence.HostEvent, h evidence.Header) { e.Header = h })
}

// seals are the seals of all outputs but the account.
func (r *recorder) seals() []evidence.Seal {
	var seals []evidence.Seal
	for _, w := range slices.Sorted(maps.Keys(r.outputs)) {
		if w != evidence.Agent {
			seals = append(seals, r.outputs[w].seal())
		}
	}
	return seals
}

func (o *output) seal() evidence.Seal {
	o.mu.Lock()
	defer o.mu.Unlock()
	seal := evidence.Seal{
		Witness: o.witness, File: evidence.FileName(o.recorder.host, o.witness),
		Bytes: o.bytes, Records: o.records, Dropped: o.dropped, SHA256: hex.EncodeToString(o.hash.Sum(nil)),
	}
	if o.err != nil {
		seal.Error = o.err.Error()
	}
	return seal
}

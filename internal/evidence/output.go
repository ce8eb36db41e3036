package evidence

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"os"
	"path/filepath"
	"sync"
)

// An Output is a file of the run folder while its host writes it. It keeps the
// length and the hash that its seal will name. It may be used by several
// goroutines at once; every Write and every Record is one write to the file,
// so that a host that dies leaves whole records behind.
type Output struct {
	witness Witness
	mu      sync.Mutex
	file    *os.File
	hash    hash.Hash
	bytes   int64
	err     error
}

// Create makes the file that a host's witness writes into, in the folder dir.
// It belongs to the folder's owner where the process may give files away. It
// is an error if the file exists: two hosts must not share one.
func Create(dir, host string, w Witness) (*Output, error) {
	name := filepath.Join(dir, FileName(host, w))
	file, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	if err := GiveTo(dir, file); err != nil {
		return nil, fmt.Errorf("%w, and %w", err, file.Close())
	}
	return &Output{witness: w, file: file, hash: sha256.New()}, nil
}

// Write appends p. After an error every further Write returns that error: a
// file with a hole is no evidence.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return 0, o.err
	}
	n, err := o.file.Write(p)
	o.hash.Write(p[:n])
	o.bytes += int64(n)
	o.err = err
	return n, err
}

// Append writes records, one JSON object a line, in one write.
func Append[R any](o *Output, records ...R) error {
	var lines bytes.Buffer
	encoder := json.NewEncoder(&lines)
	encoder.SetEscapeHTML(false)
	for _, r := range records {
		if err := encoder.Encode(r); err != nil {
			return err
		}
	}
	_, err := o.Write(lines.Bytes())
	return err
}

// File is the open file, for a lock on it.
func (o *Output) File() *os.File { return o.file }

// Close closes the file and returns its seal.
func (o *Output) Close() (Seal, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	seal := Seal{
		Witness: o.witness,
		File:    filepath.Base(o.file.Name()),
		Bytes:   o.bytes,
		SHA256:  hex.EncodeToString(o.hash.Sum(nil)),
	}
	if o.err != nil {
		seal.Error = o.err.Error()
	}
	return seal, o.file.Close()
}

// WriteFile writes a whole file of the run folder, for the folder's owner.
func WriteFile(dir, name string, data []byte) error {
	file, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	return errors.Join(err, GiveTo(dir, file), file.Close())
}

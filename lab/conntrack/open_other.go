//go:build !linux

package conntrack

import (
	"errors"

	"github.com/fourtuple/fourtuple/lab/evidence"
)

// A Table is the connection tracking table of one network namespace.
type Table struct{}

var errNotLinux = errors.New("read the connection tracking table: only Linux can")

// Open returns an error.
func Open() (*Table, error) { return nil, errNotLinux }

// Close returns an error.
func (*Table) Close() error { return errNotLinux }

// Dump returns an error.
func (*Table) Dump(evidence.Header, int) ([]evidence.Translation, error) { return nil, errNotLinux }

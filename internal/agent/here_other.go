//go:build !linux

package agent

import (
	"errors"
	"fmt"
	"runtime"
)

// Here is the place of an agent in its container, which only Linux has.
type Here struct{}

var errNotLinux = fmt.Errorf("%w: a host of a lab is a Linux network stack, and this is %s", errors.ErrUnsupported, runtime.GOOS)

// Enter returns an error.
func (Here) Enter(func() error) error { return errNotLinux }

// Start returns an error.
func (Here) Start(Program) (Process, error) { return nil, errNotLinux }

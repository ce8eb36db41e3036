//go:build !linux

package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

var errNotLinux = fmt.Errorf("%w: a host of a lab is a Linux network stack, and this is %s", errors.ErrUnsupported, runtime.GOOS)

// InPlace is the namespace of an agent in its container, which only Linux has.
type InPlace struct{}

// Do returns an error.
func (InPlace) Do(func() error) error { return errNotLinux }

// Start returns an error.
func (InPlace) Start(context.Context, Program) (Process, error) { return nil, errNotLinux }

func setRoutes([]topology.Route) error { return errNotLinux }

func translate(topology.Host, []evidence.Interface) error { return errNotLinux }

func cut(_, _ evidence.Interface) error { return errNotLinux }

func mend(_, _ evidence.Interface) error { return errNotLinux }

const continueSignal = syscall.Signal(0)

func signalNamed(string) os.Signal { return nil }

func kernelRelease() string { return "" }

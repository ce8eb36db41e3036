package run

import (
	"errors"
	"os"
)

var errNoLocks = errors.New("a lab is conducted in a container or on Linux, not by a program for Windows")

func hold(*os.File) error { return errNoLocks }

func held(*os.File) (bool, error) { return false, errNoLocks }

package files

import "errors"

// ErrGone says that the process asked for does not run, or no longer.
var ErrGone = errors.New("no such process")

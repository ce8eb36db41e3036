//go:build !unix

package echo

import "syscall"

// reuseAddress does nothing: Windows binds to an endpoint in TIME_WAIT anyway, and its SO_REUSEADDR would let
// a client take an endpoint that another process has in use.
func reuseAddress(_, _ string, _ syscall.RawConn) error { return nil }

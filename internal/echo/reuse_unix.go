//go:build unix

package echo

import "syscall"

// reuseAddress lets a socket bind to an endpoint whose last connection is in TIME_WAIT (SO_REUSEADDR,
// socket(7)), so that a client with a source port of its own can run again at once. It is a Control function
// of [net.Dialer].
func reuseAddress(_, _ string, socket syscall.RawConn) error {
	var failed error
	err := socket.Control(func(fd uintptr) {
		failed = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	})
	if err != nil {
		return err
	}
	return failed
}

//go:build !windows

package echo

import "syscall"

// The numbers of Unix systems: see accept(2), bind(2), connect(2), tcp(7).
var (
	shortage     = causes{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM}
	passing      = causes{syscall.ECONNABORTED, syscall.EPROTO, syscall.ENETDOWN, syscall.ENOPROTOOPT, syscall.EHOSTDOWN, syscall.EHOSTUNREACH, syscall.EOPNOTSUPP, syscall.ENETUNREACH, syscall.EPERM}
	notUpYet     = causes{syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EHOSTDOWN, syscall.ENETDOWN, syscall.ETIMEDOUT}
	notAvailable = causes{syscall.EADDRNOTAVAIL}
	inUse        = causes{syscall.EADDRINUSE}
	reset        = causes{syscall.ECONNRESET, syscall.EPIPE}
)

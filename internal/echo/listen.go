package echo

import (
	"context"
	"fmt"
	"net"
	"net/netip"
)

// ListenError says that a server cannot have the address it was told to listen on.
type ListenError struct {
	// Address is HOST:PORT as it was given.
	Address string
	// Err is the cause.
	Err error
}

// Error is one sentence.
func (e *ListenError) Error() string {
	if isInUse(e.Err) {
		return fmt.Sprintf("listen on %s: another program already listens there", e.Address)
	}
	return fmt.Sprintf("listen on %s: %v", e.Address, bare(e.Err))
}

// Unwrap is the cause.
func (e *ListenError) Unwrap() error { return e.Err }

// Listen makes the listening socket of a server. Unless the address is one of IPv6 it is an IPv4 socket, so
// that socket tables list it, and what it accepts, under tcp and not tcp6, as in the post. The IPv6 address ::
// takes IPv4 connections too, where the system does that by default. The error is a *ListenError.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	var config net.ListenConfig
	// Package net would make a Multipath TCP socket (RFC 8684) by default. The kernel keeps the TCP socket
	// behind it to itself, and socket tables and open files would no longer fit together.
	config.SetMultipathTCP(false)
	listener, err := config.Listen(ctx, family(address), address)
	if err != nil {
		return nil, &ListenError{Address: address, Err: err}
	}
	return listener, nil
}

// family is package net's name for the kind of socket that suits an address to listen on.
func family(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return "tcp4"
	}
	if addr, err := netip.ParseAddr(host); err == nil && addr.Is6() {
		return "tcp"
	}
	return "tcp4"
}

package echo

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
)

// opError is an error as package net makes it.
func opError(call string, err error) error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError(call, err)}
}

func TestCauses(t *testing.T) {
	for _, number := range notUpYet {
		assert.True(t, isNotUpYet(opError("connect", number)), number)
	}
	assert.True(t, isNotUpYet(opError("connect", notAvailable[0])), "the four-tuple is in TIME_WAIT")
	assert.False(t, isNotUpYet(opError("bind", notAvailable[0])), "the address is not ours")
	assert.True(t, isNotUpYet(os.ErrDeadlineExceeded))
	assert.True(t, isNotUpYet(context.DeadlineExceeded))
	assert.True(t, isNotUpYet(&net.DNSError{IsTemporary: true}))
	assert.False(t, isNotUpYet(&net.DNSError{IsNotFound: true}))
	assert.False(t, isNotUpYet(opError("bind", inUse[0])))
	assert.False(t, isNotUpYet(io.EOF))

	assert.True(t, isShortage(opError("accept", shortage[0])))
	assert.False(t, isShortage(opError("accept", passing[0])))
	assert.True(t, isPassing(opError("accept", passing[0])))
	assert.False(t, isPassing(net.ErrClosed))
	assert.True(t, isReset(opError("read", reset[0])))
	assert.False(t, isReset(io.EOF))
}

func TestBare(t *testing.T) {
	assert.Equal(t, error(inUse[0]), bare(opError("bind", inUse[0])))
	assert.Equal(t, io.EOF, bare(io.EOF))
	other := errors.New("other")
	assert.Equal(t, other, bare(&net.OpError{Op: "read", Err: other}))
}

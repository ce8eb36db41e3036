package echo

import (
	"errors"
	"net"
	"os"
	"slices"
	"syscall"
)

// causes are the error numbers that one operating system has for one reason.
type causes []syscall.Errno

// explain reports whether a number among them is behind an error.
func (c causes) explain(err error) bool {
	var number syscall.Errno
	return errors.As(err, &number) && slices.Contains(c, number)
}

// isShortage reports whether an accept went wrong because something has run out for now: descriptors of the
// process or of the system, or memory. A connection that waits in the backlog can be accepted later.
func isShortage(err error) bool { return shortage.explain(err) }

// isPassing reports whether an accept went wrong for one connection only, which is gone: accept(2) hands over
// the network errors that were pending on it.
func isPassing(err error) bool { return passing.explain(err) }

// isNotUpYet reports whether connecting may work a little later: nobody listens there yet, the way there is
// not known yet, nothing answered in time, or the same four-tuple is still in TIME_WAIT.
func isNotUpYet(err error) bool {
	var lookup *net.DNSError
	return notUpYet.explain(err) || failedAt(err, "connect") && notAvailable.explain(err) ||
		isTimeout(err) || errors.As(err, &lookup) && lookup.IsTemporary
}

// isTimeout reports whether something took too long.
func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// isInUse reports whether somebody else has the address.
func isInUse(err error) bool { return inUse.explain(err) }

// isReset reports whether the peer has reset the connection, or it was found gone when written to.
func isReset(err error) bool { return reset.explain(err) }

// failedAt reports whether a system call of that name failed.
func failedAt(err error, call string) bool {
	var failed *os.SyscallError
	return errors.As(err, &failed) && failed.Syscall == call
}

// bare is an error without the operation and addresses that package net puts around it: the sentence that it
// goes into names them itself.
func bare(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	var call *os.SyscallError
	if errors.As(err, &call) {
		err = call.Err
	}
	return err
}

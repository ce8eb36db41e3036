// Package witness is the independent observers of one host: a capture of its
// interfaces, the kernel's socket table, the open files of processes, and the
// kernel's conntrack table.
//
// Every Open function is called on a thread that is in the host's network
// namespace (network_namespaces(7)); what it returns stays there and may be
// used from anywhere. Elsewhere than on Linux everything returns
// errors.ErrUnsupported.
package witness

import (
	"errors"
	"io"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// ErrInterrupted says that a dump is not consistent, because the table changed
// while it was read: rows may be missing (NLM_F_DUMP_INTR, netlink(7)).
var ErrInterrupted = errors.New("the table changed while it was dumped")

// ErrGone says that a process has ended.
var ErrGone = errors.New("the process has ended")

// A Capture writes all packets of a host's interfaces to a pcapng file.
type Capture struct{}

// CaptureStats are what a capture saw.
type CaptureStats struct {
	Packets int // written
	Dropped int // by the kernel, before they could be read
}

// OpenCapture starts to capture: when it returns, no packet is missed that the
// kernel does not report as dropped.
func OpenCapture(interfaces []evidence.Interface, w io.Writer) (*Capture, error) {
	return nil, errors.ErrUnsupported
}

// Close ends the capture when all that was captured is written.
func (c *Capture) Close() (CaptureStats, error) { return CaptureStats{}, errors.ErrUnsupported }

// A SocketTable is the kernel's table of TCP and UDP sockets (sock_diag(7)).
type SocketTable struct{}

// OpenSocketTable opens the table of the calling thread's network namespace.
func OpenSocketTable() (*SocketTable, error) { return nil, errors.ErrUnsupported }

// Dump returns all sockets, sorted, without Header and Snapshot; with
// ErrInterrupted what it has may lack some.
func (t *SocketTable) Dump() ([]evidence.Socket, error) { return nil, errors.ErrUnsupported }

// Close releases the table.
func (t *SocketTable) Close() error { return errors.ErrUnsupported }

// OpenFiles returns the open files of a process and its descendants, sorted by
// process and descriptor, without Header and Snapshot; ErrGone if the process
// has ended.
func OpenFiles(pid int) ([]evidence.File, error) { return nil, errors.ErrUnsupported }

// A ConntrackTable is the kernel's table of tracked connections.
type ConntrackTable struct{}

// OpenConntrackTable opens the table of the calling thread's network namespace.
func OpenConntrackTable() (*ConntrackTable, error) { return nil, errors.ErrUnsupported }

// Dump returns the entries of TCP whose addresses or ports are translated,
// sorted, without Header and Snapshot.
func (t *ConntrackTable) Dump() ([]evidence.Translation, error) { return nil, errors.ErrUnsupported }

// Close releases the table.
func (t *ConntrackTable) Close() error { return errors.ErrUnsupported }

// Interfaces lists the interfaces of the calling thread's network namespace.
func Interfaces() ([]evidence.Interface, error) { return nil, errors.ErrUnsupported }

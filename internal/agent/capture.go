package agent

import (
	"sync"
	"time"

	"github.com/fourtuple/fourtuple/internal/witness"
)

// A capture is a host's capture, which may begin late (topology's
// CaptureAfter).
type capture struct {
	file *output

	mu     sync.Mutex
	opened *witness.Capture
	closed bool
	// late is closed when a capture that was to begin late has begun, or could
	// not: lateErr.
	late    chan struct{}
	lateErr error
}

// openCapture starts to capture now, unless the host is closed already.
func (a *Agent) openCapture() error {
	c := a.capture
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	return a.Namespace.Do(func() (err error) {
		c.opened, err = witness.OpenCapture(a.interfaces, c.file)
		return err
	})
}

// openCaptureLater starts to capture when the host's time for it has passed.
func (a *Agent) openCaptureLater() {
	c := a.capture
	c.late = make(chan struct{})
	time.AfterFunc(a.Host.CaptureAfter, func() {
		c.lateErr = a.openCapture()
		close(c.late)
	})
}

// close ends the capture, and a wait for it.
func (c *capture) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.opened == nil {
		return nil
	}
	stats, err := c.opened.Close()
	c.file.count(stats.Packets, stats.Dropped)
	return err
}

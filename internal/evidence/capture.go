package evidence

import (
	"bytes"
	"errors"
	"fmt"
)

// parseCapture reads the host's capture. One that its program did not close,
// that lost packets, or that holds frames nobody can read is not whole.
func (h *Host) parseCapture(data []byte) (flaw string) {
	file := FileName(h.Name, Packets)
	info, err := ReadPcapng(bytes.NewReader(data), func(p Packet) error {
		h.Packets = append(h.Packets, p)
		return nil
	})
	switch {
	case errors.Is(err, ErrCutShort):
		return fmt.Sprintf("%s: %v", file, err)
	case err != nil:
		h.Packets = nil
		return fmt.Sprintf("%s is no capture: %v", file, err)
	case !info.Closed():
		return file + " was not closed: packets may be missing at its end"
	case info.Dropped() > 0:
		return fmt.Sprintf("%s is incomplete: %d packets were dropped", file, info.Dropped())
	case info.Damaged > 0:
		return fmt.Sprintf("%s has %d frames that cannot be read", file, info.Damaged)
	}
	return ""
}

package docker

import (
	"bufio"
	"io"
)

// follow reads the names of steps that the conductor prints, a line each.
func (c *conductor) follow(lines io.ReadCloser) {
	defer lines.Close()
	scanner := bufio.NewScanner(lines)
	for scanner.Scan() {
		switch step := scanner.Text(); step {
		case stepHold:
			c.hold()
		default:
			c.run.progress(step)
		}
	}
}

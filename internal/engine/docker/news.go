package docker

import (
	"encoding/json"
	"errors"
	"io"
)

// follow reads what the conductor tells, and passes it on.
func (c *conductor) follow(lines io.ReadCloser) {
	defer lines.Close()
	decoder := json.NewDecoder(lines)
	for {
		var n news
		if decoder.Decode(&n) != nil {
			return // its end; or nothing that was meant for us
		}
		switch {
		case n.Held:
			c.hold()
		case n.Lost != "":
			c.run.lost(errors.New(n.Lost))
		default:
			c.run.progress(n.Step, n.Done, n.Total)
		}
	}
}

package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// On a terminal a step is one line, which the next one takes the place of, and
// nothing of which stays.
func TestProgressOfASmallLab(t *testing.T) {
	var b bytes.Buffer
	p := &progress{w: &b}
	p.at("start server", 0, 1)
	p.at("start server", 1, 1)
	p.at("type server: send \x1b[2J"+strings.Repeat("x", 100), 0, 1)
	p.close()
	p.close()
	long := `type server: send \x1b[2J` + strings.Repeat("x", narrow-len(`type server: send \x1b[2J...`)) + "..."
	assert.Equal(t, clearLine+"start server"+clearLine+long+clearLine, b.String())
}

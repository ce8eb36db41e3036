package topology_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/fourtuple/fourtuple/internal/topology"
)

func TestNearest(t *testing.T) {
	words := []string{"start", "stop", "snapshot", "signal", "sleep", "server"}
	for word, want := range map[string]string{
		"snapshoot": "snapshot", "Start": "start", "strt": "start", "stp": "stop", "servre": "server", "x": "", "": "", "banana": "", "snapshot": "snapshot",
	} {
		assert.Equal(t, want, topology.Nearest(word, words), word)
	}
	assert.Equal(t, "client1", topology.Nearest("client", []string{"client2", "client1"}), "the first in the alphabet")
	assert.Empty(t, topology.Nearest("a", nil))
}

package netns

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/agent"
)

// BenchmarkStart is a program's start until it is executed, and its end.
func BenchmarkStart(b *testing.B) {
	n := build(b, star(1))
	for b.Loop() {
		p, err := n.Host("client1").Start(agent.Program{Args: []string{"true"}})
		require.NoError(b, err)
		_, err = p.Wait()
		require.NoError(b, err)
	}
}

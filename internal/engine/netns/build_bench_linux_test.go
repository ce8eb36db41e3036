package netns

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func BenchmarkBuild(b *testing.B) {
	for _, clients := range []int{2, 99, 999} {
		b.Run(fmt.Sprintf("%d-subnets", clients+1), func(b *testing.B) {
			for b.Loop() {
				n, err := Build(context.Background(), star(clients), Options{})
				require.NoError(b, err)
				require.NoError(b, n.Close())
			}
		})
	}
}

//go:build !linux

package main

import (
	"context"

	"github.com/fourtuple/fourtuple/internal/engine/netns"
)

// wireOurs returns an error: only Linux has network namespaces.
func wireOurs(int) measurement {
	return func(context.Context) (cost, error) { return cost{}, netns.ErrUnsupported }
}

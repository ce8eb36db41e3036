package compose

import (
	"slices"
	"testing"

	"github.com/compose-spec/compose-go/v2/schema"
	"github.com/compose-spec/compose-go/v2/tree"
	"github.com/stretchr/testify/assert"
)

func TestKeysAreComposeKeys(t *testing.T) {
	known := tree.NewMatcher(schema.AttributePaths()...)
	for _, path := range slices.Concat(honouredKeys, ignoredKeys) {
		assert.True(t, known.Matches(tree.Path(path)), path)
	}
	allowed := tree.NewMatcher(allowedKeys()...)
	for _, r := range refusals {
		for _, path := range r.keys {
			assert.True(t, known.Matches(tree.Path(path)), path)
			assert.False(t, allowed.Matches(tree.Path(path)), "%s is refused and allowed", path)
		}
	}
}

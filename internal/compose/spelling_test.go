package compose

import (
	"testing"

	"github.com/compose-spec/compose-go/v2/schema"
	"github.com/compose-spec/compose-go/v2/tree"
	"github.com/stretchr/testify/assert"
)

func TestKeysAreComposeKeys(t *testing.T) {
	known := tree.NewMatcher(schema.AttributePaths()...)
	for _, path := range honouredKeys {
		assert.True(t, known.Matches(tree.Path(path)), path)
	}
	allowed := tree.NewMatcher(allowedKeys()...)
	for path := range refusals {
		assert.True(t, known.Matches(tree.Path(path)), path)
		assert.False(t, allowed.Matches(tree.Path(path)), "%s is refused and allowed", path)
	}
}

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
	for name := range reasons {
		assert.True(t, slices.ContainsFunc(schema.AttributePaths(), func(path tree.Path) bool { return path.Last() == name }), name)
	}
}

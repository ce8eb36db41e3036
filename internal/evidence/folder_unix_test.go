//go:build unix

package evidence_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// A run that root makes belongs to whoever owns the folder it is in, also
// where root has left an older one.
func TestFilesBelongToTheOwnerOfTheFolder(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	home := t.TempDir()
	require.NoError(t, os.Chown(home, 1234, 1235))
	require.NoError(t, os.Mkdir(filepath.Join(home, "old"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(home, "old", "lab.json"), nil, 0o600))
	for _, dir := range []string{"new/run", "old"} {
		dir = filepath.Join(home, dir)
		f := create(t, dir)
		require.NoError(t, f.Append("a", evidence.Agent, []byte("{}\n")))
		require.NoError(t, f.Close())
		require.NoError(t, evidence.WriteFile(dir, evidence.ReportFile, nil))
	}
	require.NoError(t, filepath.WalkDir(home, func(path string, d os.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := d.Info()
		require.NoError(t, err)
		owner := info.Sys().(*syscall.Stat_t)
		assert.Equal(t, [2]uint32{1234, 1235}, [2]uint32{owner.Uid, owner.Gid}, path)
		return nil
	}))
}

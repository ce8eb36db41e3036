package evidence_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/evidence/evidencetest"
	"github.com/fourtuple/fourtuple/internal/nettest"
)

// A run that root makes belongs to whoever owns the folder it is in, also
// where root has left an older one.
func TestFilesBelongToTheOwnerOfTheFolder(t *testing.T) {
	nettest.Root(t)
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

// Load opens regular files only, and none that is too large: a FIFO would hang
// it, and a device would never end.
func TestLoadReadsRegularFilesOnly(t *testing.T) {
	sample := evidencetest.Copy(t, evidencetest.First)
	for name, replace := range map[string]func(path string) error{
		"FIFO":            func(path string) error { return syscall.Mkfifo(path, 0o644) },
		"endless":         func(path string) error { return os.Symlink("/dev/zero", path) },
		"link to a file":  func(path string) error { return os.Symlink("lab.yml", path) },
		"link to nothing": func(path string) error { return os.Symlink("nothing", path) },
		"folder":          func(path string) error { return os.Mkdir(path, 0o755) },
		"too large": func(path string) error {
			return errors.Join(os.WriteFile(path, nil, 0o644), os.Truncate(path, 5<<30))
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, file := range names(t, sample) {
				dir := t.TempDir()
				require.NoError(t, os.CopyFS(dir, os.DirFS(sample)))
				path := filepath.Join(dir, file)
				require.NoError(t, os.Remove(path))
				require.NoError(t, replace(path))
				r, err := evidence.Load(dir)
				switch file {
				case "lab.yml":
					require.NoError(t, err)
					assert.Empty(t, defects(r))
				case "lab.json":
					assert.ErrorContains(t, err, "is no run folder: lab.json ")
				default:
					require.NoError(t, err)
					assert.Contains(t, strings.Join(defects(r), "\n"), file)
				}
			}
		})
	}
}

// A full disk is named with the file that did not fit.
func TestAppendNamesTheFileThatDidNotFit(t *testing.T) {
	nettest.Root(t)
	dir := t.TempDir()
	require.NoError(t, unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"))
	t.Cleanup(func() { assert.NoError(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	f := create(t, filepath.Join(dir, "run"))
	err := f.Append("a", evidence.Packets, make([]byte, 1<<20))
	assert.ErrorContains(t, err, "a.pcapng: no space left on device")
	assert.Equal(t, err, f.Append("a", evidence.Packets, []byte("x")), "a file with a hole takes no more")
	assert.ErrorContains(t, f.WriteFile(evidence.ReportFile, make([]byte, 1<<20)), "report.html: ")
	require.NoError(t, f.Close())
	assert.Equal(t, []string{"a.pcapng", "lab.json", "lab.yml"}, names(t, filepath.Join(dir, "run")))
}

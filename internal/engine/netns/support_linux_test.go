package netns

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/fourtuple/fourtuple/internal/agent"
	"github.com/fourtuple/fourtuple/internal/nettest"
)

func TestSupported(t *testing.T) {
	nettest.Root(t)
	before := remains(t)
	require.NoError(t, Supported())
	require.Equal(t, before, remains(t))
}

func TestSupportedForOrdinaryUsers(t *testing.T) {
	needsUserNamespaces(t)
	c := ordinarily(t)
	c.Args = []string{"lab", "supported"}
	out, err := c.CombinedOutput()
	require.NoError(t, err)
	require.Equal(t, "privileged false, supported <nil>\n", string(out))
}

// A system that forbids it: a user namespace in which no more may be made.
func TestForbidden(t *testing.T) {
	needsUserNamespaces(t)
	c := outside("forbidden")
	c.SysProcAttr.Cloneflags = unix.CLONE_NEWUSER
	c.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: agent.UnprivilegedID, HostID: os.Geteuid(), Size: 1}}
	c.SysProcAttr.AmbientCaps = []uintptr{unix.CAP_SYS_RESOURCE}
	out, err := c.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Equal(t, "privileged false, supported the system forbids ordinary users to make networks by "+
		"user.max_user_namespaces=0: set it with `sudo sysctl user.max_user_namespaces=10000`, "+
		"or use sudo, or --engine docker (fork/exec /proc/self/exe: no space left on device)\n", string(out))
}

// supportedProgram says what Supported says.
func supportedProgram([]string) error {
	fmt.Printf("privileged %v, supported %v\n", Privileged(), Supported())
	return nil
}

// forbiddenProgram forbids user namespaces in its own one, gives up all
// privileges, and becomes supportedProgram.
func forbiddenProgram([]string) error {
	if err := os.WriteFile("/proc/sys/user/max_user_namespaces", []byte("0"), 0); err != nil {
		return err
	}
	runtime.LockOSThread()
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return err
	}
	return syscall.Exec(ownExecutable, []string{"lab", "supported"}, os.Environ())
}

func TestExplain(t *testing.T) {
	cause := errors.New("clone: operation not permitted")
	require.ErrorContains(t, explain(errors.New("mount /proc: operation not permitted"), func(string) string { return "" }), "start the container with --privileged")
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"Ubuntu's AppArmor": {
			map[string]string{"sys/kernel/apparmor_restrict_unprivileged_userns": "1"},
			"the system forbids ordinary users to make networks by kernel.apparmor_restrict_unprivileged_userns=1: " +
				"set it with `sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0`, or use sudo, or --engine docker " +
				"(clone: operation not permitted)",
		},
		"Debian's switch": {
			map[string]string{"sys/kernel/unprivileged_userns_clone": "0", "sys/user/max_user_namespaces": "1"},
			"the system forbids ordinary users to make networks by kernel.unprivileged_userns_clone=0: " +
				"set it with `sudo sysctl kernel.unprivileged_userns_clone=1`, or use sudo, or --engine docker " +
				"(clone: operation not permitted)",
		},
		"a container": {
			map[string]string{
				"self/status": "Name:\tx\nSeccomp:\t2\n", "sys/kernel/apparmor_restrict_unprivileged_userns": "0",
				"sys/kernel/unprivileged_userns_clone": "1",
			},
			"the sandbox that this runs in, such as a container, forbids to make networks: start the container with --privileged, " +
				"or use sudo outside of it, or --engine docker (clone: operation not permitted)",
		},
		"something else": {
			map[string]string{"self/status": "Seccomp:\t0\n"},
			"the system forbids to make networks: use sudo, or --engine docker (clone: operation not permitted)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := explain(cause, func(file string) string { return c.files[file] })
			require.EqualError(t, err, c.want)
			require.ErrorIs(t, err, cause)
			require.False(t, strings.Contains(err.Error(), "\n"), "one sentence")
		})
	}
}

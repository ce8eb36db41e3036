package agent

import (
	"os"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// A closet is a place with nothing but loopback: a namespace of its own.
type closet struct{ ns netns.NsHandle }

func newCloset(t *testing.T) closet {
	t.Helper()
	made := make(chan netns.NsHandle, 1)
	failed := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends here
		ns, err := netns.New()
		if err != nil {
			failed <- err
			return
		}
		lo, err := netlink.LinkByName("lo")
		if err == nil {
			err = netlink.LinkSetUp(lo)
		}
		if err != nil {
			failed <- err
			return
		}
		made <- ns
	}()
	select {
	case ns := <-made:
		t.Cleanup(func() { require.NoError(t, ns.Close()) })
		return closet{ns}
	case err := <-failed:
		if os.Getenv("CI") != "true" && os.Geteuid() != 0 {
			t.Skipf("making a network namespace takes root: %v", err)
		}
		require.NoError(t, err)
	}
	return closet{}
}

func (c closet) Enter(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		if err := netns.Set(c.ns); err != nil {
			done <- err
			return
		}
		done <- f()
	}()
	return <-done
}

func (c closet) Start(p Program) (started Process, err error) {
	err = c.Enter(func() error {
		process, err := os.StartProcess(p.Args[0], p.Args, &os.ProcAttr{
			Files: []*os.File{nil, p.Stdout, p.Stderr},
			Env:   p.Environment,
			Sys:   &syscall.SysProcAttr{Setsid: true},
		})
		started = child{process}
		return err
	})
	return started, err
}

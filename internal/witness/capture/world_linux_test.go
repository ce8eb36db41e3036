package capture

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// inside marks the process that runs in a user namespace of its own.
const inside = "CAPTURE_TEST_INSIDE"

// TestMain starts the tests again in a user namespace if they are not root.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv(crash) != "":
		captureUntilKilled()
	case os.Geteuid() == 0 || os.Getenv(inside) != "":
		goleak.VerifyTestMain(m)
	default:
		os.Exit(again())
	}
}

func again() int {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	err := cmd.Run()
	if cmd.ProcessState == nil {
		fmt.Println("the capture's tests need root or user namespaces:", err)
		if os.Getenv("CI") == "true" {
			return 1
		}
		return 0
	}
	return cmd.ProcessState.ExitCode()
}

// A host is a network namespace.
type host struct {
	t  testing.TB
	ns netns.NsHandle
}

// on runs f on a thread in the host's namespace, which ends with f.
func (h host) on(f func()) {
	h.t.Helper()
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)      // also when f ends the goroutine, as require does
		runtime.LockOSThread() // and never unlock: the thread is in another namespace
		if err = netns.Set(h.ns); err == nil {
			f()
		}
	}()
	<-done
	require.NoError(h.t, err)
}

func newHost(t testing.TB) host {
	t.Helper()
	h := host{t: t, ns: netns.None()}
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			h.ns, err = netns.Get()
		}
		done <- err
	}()
	require.NoError(t, <-done)
	t.Cleanup(func() { h.ns.Close() })
	h.on(func() { up(t, "lo") })
	return h
}

func up(t testing.TB, name string) {
	t.Helper()
	link, err := netlink.LinkByName(name)
	require.NoError(t, err)
	require.NoError(t, netlink.LinkSetUp(link))
}

func address(t testing.TB, name string, addresses ...string) {
	t.Helper()
	link, err := netlink.LinkByName(name)
	require.NoError(t, err)
	for _, a := range addresses {
		parsed, err := netlink.ParseAddr(a)
		require.NoError(t, err)
		parsed.Flags |= unix.IFA_F_NODAD
		require.NoError(t, netlink.AddrAdd(link, parsed))
	}
}

// pair is two hosts on one wire:
//
//	a: wire 10.12.1.1, fd12::1 ──── wire 10.12.1.2, fd12::2 :b
func pair(t testing.TB) (a, b host) {
	t.Helper()
	a, b = newHost(t), newHost(t)
	a.on(func() {
		wire := netlink.NewVeth(netlink.LinkAttrs{Name: "wire", MTU: 1500})
		wire.PeerName, wire.PeerNamespace = "wire", netlink.NsFd(b.ns)
		require.NoError(t, netlink.LinkAdd(wire))
		address(t, "wire", "10.12.1.1/24", "fd12::1/64")
		up(t, "wire")
	})
	b.on(func() {
		address(t, "wire", "10.12.1.2/24", "fd12::2/64")
		up(t, "wire")
	})
	return a, b
}

// interfaces are those of the calling thread's namespace.
func interfaces(t testing.TB) []evidence.Interface {
	t.Helper()
	links, err := netlink.LinkList()
	require.NoError(t, err)
	var found []evidence.Interface
	for _, l := range links {
		i := evidence.Interface{Name: l.Attrs().Name, Index: l.Attrs().Index, MAC: l.Attrs().HardwareAddr.String(), MTU: l.Attrs().MTU}
		addresses, err := netlink.AddrList(l, netlink.FAMILY_ALL)
		require.NoError(t, err)
		for _, a := range addresses {
			ip, _ := netip.AddrFromSlice(a.IP)
			ones, _ := a.Mask.Size()
			i.Addresses = append(i.Addresses, netip.PrefixFrom(ip.Unmap(), ones))
		}
		found = append(found, i)
	}
	return found
}

// capture opens a capture on the host.
func (h host) capture(w interface{ Write([]byte) (int, error) }, o Options) *Capture {
	h.t.Helper()
	var c *Capture
	var err error
	h.on(func() { c, err = Open(interfaces(h.t), w, o) })
	require.NoError(h.t, err)
	return c
}

// listen listens on the host.
func (h host) listen(address string) net.Listener {
	h.t.Helper()
	var l net.Listener
	var err error
	h.on(func() { l, err = net.Listen("tcp", address) })
	require.NoError(h.t, err)
	h.t.Cleanup(func() { l.Close() })
	return l
}

// dial connects from the host.
func (h host) dial(address string) net.Conn {
	h.t.Helper()
	var c net.Conn
	var err error
	h.on(func() { c, err = (&net.Dialer{}).DialContext(context.Background(), "tcp", address) })
	require.NoError(h.t, err)
	return c
}

// read reads a capture that is whole.
func read(t testing.TB, file []byte) ([]evidence.Packet, evidence.PcapngInfo) {
	t.Helper()
	var packets []evidence.Packet
	info, err := evidence.ReadPcapng(bytes.NewReader(file), func(p evidence.Packet) error {
		packets = append(packets, p)
		return nil
	})
	require.NoError(t, err)
	return packets, info
}

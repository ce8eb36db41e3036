package nettest

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// A Namespace is a network namespace (network_namespaces(7)) that a test made.
// It has no name and needs no mount: it ends with the test, or with the last
// program that the test started in it.
type Namespace struct {
	handle netns.NsHandle
	links  int
}

// New makes a namespace in which only lo is, and up. It skips the test where
// that is not possible.
func New(t testing.TB) *Namespace {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("network namespaces are Linux's")
	}
	Root(t)
	n := &Namespace{}
	onLockedThread(t, func() {
		var err error
		n.handle, err = netns.New()
		require.NoError(t, err)
	})
	t.Cleanup(func() { _ = n.handle.Close() })
	n.Do(t, func() { setUp(t, "lo") })
	return n
}

// Do runs f in the namespace, on the goroutine that called Do, which is locked
// to a thread meanwhile. What f starts in other goroutines is not in the
// namespace. Sockets that f opens stay in it and may be used from anywhere.
func (n *Namespace) Do(t testing.TB, f func()) {
	t.Helper()
	onLockedThread(t, func() {
		require.NoError(t, netns.Set(n.handle))
		f()
	})
}

// onLockedThread runs f, which changes the thread's namespace, and changes it
// back, also where f ends the test. A thread that cannot be brought back stays
// locked: it ends with the test's goroutine, and nothing else runs on it.
func onLockedThread(t testing.TB, f func()) {
	t.Helper()
	runtime.LockOSThread()
	home, err := netns.Get()
	require.NoError(t, err)
	defer func() {
		defer home.Close()
		if err := netns.Set(home); err != nil {
			t.Errorf("leave the network namespace: %v", err)
			return
		}
		runtime.UnlockOSThread()
	}()
	f()
}

// Command is a command that runs in the namespace whenever it is started. Its
// process is the program itself.
func (n *Namespace) Command(name string, args ...string) *exec.Cmd {
	ns := fmt.Sprintf("--net=/proc/%d/fd/%d", os.Getpid(), int(n.handle))
	return exec.Command("nsenter", append([]string{ns, "--", name}, args...)...)
}

// Output runs a program in the namespace, which must succeed, and returns what
// it printed to its standard output. Where the program is not installed the
// test is skipped.
func (n *Namespace) Output(t testing.TB, name string, args ...string) string {
	t.Helper()
	Tool(t, name)
	c := n.Command(name, args...)
	c.Stderr = t.Output()
	output, err := c.Output()
	require.NoError(t, err, "%s %q", name, args)
	return string(output)
}

// Connect joins two namespaces by a veth pair, gives each end an address with
// the length of its prefix (10.12.1.1/24), and returns the names of the ends:
// eth0 for the first of a namespace, then eth1.
//
//	a: eth0 addressA ──── addressB eth0 :b
func Connect(t testing.TB, a, b *Namespace, addressA, addressB string) (nameA, nameB string) {
	t.Helper()
	nameA, nameB = a.nextName(), b.nextName()
	a.Do(t, func() {
		attributes := netlink.NewLinkAttrs()
		attributes.Name = nameA
		require.NoError(t, netlink.LinkAdd(&netlink.Veth{
			LinkAttrs: attributes, PeerName: nameB, PeerNamespace: netlink.NsFd(b.handle),
		}))
		setUp(t, nameA)
	})
	b.Do(t, func() { setUp(t, nameB) })
	a.AddAddress(t, nameA, addressA)
	b.AddAddress(t, nameB, addressB)
	return nameA, nameB
}

func (n *Namespace) nextName() string {
	n.links++
	return fmt.Sprintf("eth%d", n.links-1)
}

// AddAddress gives a link of the namespace an address, ready to be used at once.
func (n *Namespace) AddAddress(t testing.TB, name, address string) {
	t.Helper()
	const noDAD = 0x2 // IFA_F_NODAD: IPv6 need not look for duplicates
	parsed, err := netlink.ParseAddr(address)
	require.NoError(t, err)
	parsed.Flags |= noDAD
	n.Do(t, func() {
		link, err := netlink.LinkByName(name)
		require.NoError(t, err)
		require.NoError(t, netlink.AddrAdd(link, parsed))
	})
}

func setUp(t testing.TB, name string) {
	t.Helper()
	link, err := netlink.LinkByName(name)
	require.NoError(t, err)
	require.NoError(t, netlink.LinkSetUp(link))
}

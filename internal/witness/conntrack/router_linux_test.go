package conntrack

import (
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// A lab is three hosts, each a network namespace:
//
//	client                         router                         server
//	10.12.1.10, .11  ── cafe ──  10.12.1.254 │ 10.12.0.254  ── home ──  10.12.0.10
//	fd12:1::10                    fd12:1::fe │ fd12::fe                 fd12::10
type lab struct {
	t                      testing.TB
	client, router, server netns.NsHandle
}

// newLab makes the hosts, with rules in the router. The test's thread goes from
// host to host, is never given back, and ends with the test.
func newLab(t testing.TB, rules string) *lab {
	t.Helper()
	needRoot(t)
	needTool(t, "nft")
	runtime.LockOSThread()
	l := &lab{t: t}
	for _, host := range []*netns.NsHandle{&l.server, &l.client, &l.router} {
		var err error
		*host, err = netns.New()
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, host.Close()) })
	}
	l.link(l.client, "cafe", []string{"10.12.1.10/24", "10.12.1.11/24", "fd12:1::10/64"}, []string{"10.12.1.254/24", "fd12:1::fe/64"})
	l.link(l.server, "home", []string{"10.12.0.10/24", "fd12::10/64"}, []string{"10.12.0.254/24", "fd12::fe/64"})
	for _, file := range []string{"ipv4/ip_forward", "ipv6/conf/all/forwarding"} {
		require.NoError(t, os.WriteFile("/proc/sys/net/"+file, []byte("1"), 0))
	}
	nft := exec.Command("nft", "-f", "-")
	nft.Stdin = strings.NewReader(rules)
	output, err := nft.CombinedOutput()
	require.NoError(t, err, string(output))
	return l
}

// link connects a host to the router, where the thread is, and gives both ends
// their addresses and the host its default routes.
func (l *lab) link(host netns.NsHandle, name string, addresses, gateways []string) {
	l.t.Helper()
	require.NoError(l.t, netlink.LinkAdd(&netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: name}, PeerName: "eth0", PeerNamespace: netlink.NsFd(host),
	}))
	l.address(name, gateways)
	l.on(host, func() {
		l.address("eth0", addresses)
		for _, gateway := range gateways {
			via := netip.MustParsePrefix(gateway).Addr().AsSlice()
			require.NoError(l.t, netlink.RouteAdd(&netlink.Route{Gw: via}))
		}
	})
}

func (l *lab) address(name string, addresses []string) {
	l.t.Helper()
	link, err := netlink.LinkByName(name)
	require.NoError(l.t, err)
	require.NoError(l.t, netlink.LinkSetUp(link))
	for _, text := range addresses {
		a, err := netlink.ParseAddr(text)
		require.NoError(l.t, err)
		if a.IP.To4() == nil {
			a.Flags = unix.IFA_F_NODAD
		}
		require.NoError(l.t, netlink.AddrAdd(link, a))
	}
}

// on calls do on a host and comes back to the router.
func (l *lab) on(host netns.NsHandle, do func()) {
	l.t.Helper()
	require.NoError(l.t, netns.Set(host))
	do()
	require.NoError(l.t, netns.Set(l.router))
}

// needRoot skips a test that makes namespaces where that is not allowed. CI
// promises that it is.
func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("this test makes network namespaces and needs root, which CI promises")
	}
	t.Skip("this test makes network namespaces and needs root")
}

// needTool skips where an oracle is not installed. CI promises that it is.
func needTool(t testing.TB, name string) {
	t.Helper()
	_, err := exec.LookPath(name)
	if err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed, which CI promises", name)
	}
	t.Skipf("%s is not installed", name)
}

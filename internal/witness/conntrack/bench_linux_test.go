package conntrack

import (
	"net"
	"os/exec"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// BenchmarkTable reads a table of 5,000 translated connections: by Dump, by the
// library's own list and by conntrack(8).
func BenchmarkTable(b *testing.B) {
	needRoot(b)
	runtime.LockOSThread()
	namespace, err := netns.New()
	require.NoError(b, err)
	defer namespace.Close()
	const connections = 5000
	for i := range connections {
		track(b, uint16(1024+i))
	}
	table := open(b)

	b.Run("Dump", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			rows, err := table.Dump(header, 1)
			require.NoError(b, err)
			require.Len(b, rows, connections)
		}
	})
	b.Run("ConntrackTableList", func(b *testing.B) {
		runtime.LockOSThread()
		require.NoError(b, netns.Set(namespace))
		b.ReportAllocs()
		for b.Loop() {
			flows, err := netlink.ConntrackTableList(netlink.ConntrackTable, unix.AF_INET)
			require.NoError(b, err)
			require.Len(b, flows, connections)
		}
	})
	b.Run("conntrack", func(b *testing.B) {
		needTool(b, "conntrack")
		runtime.LockOSThread()
		require.NoError(b, netns.Set(namespace))
		for b.Loop() {
			require.NoError(b, exec.Command("conntrack", "-L", "-p", "tcp").Run())
		}
	})
}

// track puts an entry into the table.
func track(b *testing.B, port uint16) {
	b.Helper()
	client, server, router := net.IPv4(10, 12, 1, 10).To4(), net.IPv4(10, 12, 0, 10).To4(), net.IPv4(10, 12, 0, 254).To4()
	require.NoError(b, netlink.ConntrackCreate(netlink.ConntrackTable, unix.AF_INET, &netlink.ConntrackFlow{
		FamilyType: unix.AF_INET, TimeOut: 3600, ProtoInfo: &netlink.ProtoInfoTCP{State: 3},
		Forward: netlink.IPTuple{Protocol: unix.IPPROTO_TCP, SrcIP: client, DstIP: server, SrcPort: port, DstPort: 12000},
		Reverse: netlink.IPTuple{Protocol: unix.IPPROTO_TCP, SrcIP: server, DstIP: router, SrcPort: 12000, DstPort: port},
	}))
}

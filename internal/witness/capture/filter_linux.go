package capture

import (
	"fmt"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// filterText is what the interface blocks say of the filter.
const filterText = "tcp, errors of icmp and icmp6"

const (
	// network makes an offset count from the network header, wherever the link
	// layer ends (SKF_NET_OFF of linux/filter.h).
	network = 0xfff00000
	// keepWhole is the most bytes of a packet that the filter lets through.
	keepWhole = 1 << 20
	// extensions is how many IPv6 extension headers the filter walks.
	extensions = 6
)

// The fixed labels of the filter.
const (
	keep     = "keep"
	drop     = "drop"
	protocol = "protocol"
	tagged   = "tagged"
	ipv4     = "ipv4"
	ipv6     = "ipv6"
	icmp6    = "icmp6"
)

// tcpFilter is the program that decides which packets the capture keeps.
func tcpFilter() ([]bpf.RawInstruction, error) {
	var p program
	p.oneCopyOnLoopback()
	p.byProtocol()
	p.overIPv4()
	p.overIPv6()
	p.label(keep)
	p.add(bpf.RetConstant{Val: keepWhole})
	p.label(drop)
	p.add(bpf.RetConstant{})
	return p.assemble()
}

// nothingFilter drops every packet.
func nothingFilter() ([]bpf.RawInstruction, error) {
	return bpf.Assemble([]bpf.Instruction{bpf.RetConstant{}})
}

func (p *program) oneCopyOnLoopback() {
	p.add(bpf.LoadExtension{Num: bpf.ExtLinkLayerType})
	p.jumpIf(bpf.JumpNotEqual, unix.ARPHRD_LOOPBACK, protocol)
	p.add(bpf.LoadExtension{Num: bpf.ExtType})
	p.jumpIf(bpf.JumpNotEqual, unix.PACKET_OUTGOING, drop)
}

func (p *program) byProtocol() {
	p.label(protocol)
	p.add(bpf.LoadExtension{Num: bpf.ExtProto})
	p.jumpIf(bpf.JumpEqual, unix.ETH_P_IP, ipv4)
	p.jumpIf(bpf.JumpEqual, unix.ETH_P_IPV6, ipv6)
	p.jumpIf(bpf.JumpEqual, unix.ETH_P_8021Q, tagged)
	p.jumpIf(bpf.JumpNotEqual, unix.ETH_P_8021AD, drop)
	// A tag that is still in the data: the IP version tells what follows.
	p.label(tagged)
	p.add(bpf.LoadAbsolute{Off: network, Size: 1}, bpf.ALUOpConstant{Op: bpf.ALUOpShiftRight, Val: 4})
	p.jumpIf(bpf.JumpEqual, 4, ipv4)
	p.jumpIf(bpf.JumpEqual, 6, ipv6)
	p.jump(drop)
}

func (p *program) overIPv4() {
	p.label(ipv4)
	p.add(bpf.LoadAbsolute{Off: network + 9, Size: 1})
	p.jumpIf(bpf.JumpEqual, unix.IPPROTO_TCP, keep)
	p.jumpIf(bpf.JumpNotEqual, unix.IPPROTO_ICMP, drop)
	p.add(bpf.LoadAbsolute{Off: network + 6, Size: 2})
	p.jumpIf(bpf.JumpBitsSet, 0x1fff, drop)
	p.add(
		bpf.LoadAbsolute{Off: network, Size: 1},
		bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 0xf},
		bpf.ALUOpConstant{Op: bpf.ALUOpShiftLeft, Val: 2},
		bpf.TAX{},
		bpf.LoadIndirect{Off: network, Size: 1},
	)
	for _, kind := range []uint32{3, 4, 5, 11, 12} {
		p.jumpIf(bpf.JumpEqual, kind, keep)
	}
	p.jump(drop)
}

// overIPv6 walks the extension headers, with A holding the next header's
// protocol and X its offset from the network header.
func (p *program) overIPv6() {
	p.label(ipv6)
	p.add(bpf.LoadConstant{Dst: bpf.RegX, Val: 40}, bpf.LoadAbsolute{Off: network + 6, Size: 1})
	for n := range extensions {
		p.extension(n)
	}
	p.jump(keep)
	p.label(icmp6)
	p.add(bpf.LoadIndirect{Off: network, Size: 1})
	p.jumpIf(bpf.JumpLessThan, 128, keep)
	p.jump(drop)
}

// extension ends the walk at TCP, ICMPv6 or any other protocol, or steps over
// the n-th extension header.
func (p *program) extension(n int) {
	options, fragment, step := fmt.Sprint("options", n), fmt.Sprint("fragment", n), fmt.Sprint("step", n)
	p.jumpIf(bpf.JumpEqual, unix.IPPROTO_TCP, keep)
	p.jumpIf(bpf.JumpEqual, unix.IPPROTO_ICMPV6, icmp6)
	p.jumpIf(bpf.JumpEqual, unix.IPPROTO_FRAGMENT, fragment)
	for _, header := range []uint32{unix.IPPROTO_HOPOPTS, unix.IPPROTO_ROUTING, unix.IPPROTO_DSTOPTS} {
		p.jumpIf(bpf.JumpEqual, header, options)
	}
	p.jump(drop)
	p.fragment(fragment, step)
	p.label(options)
	p.add(
		bpf.LoadIndirect{Off: network, Size: 1},
		bpf.StoreScratch{Src: bpf.RegA, N: 0},
		bpf.LoadIndirect{Off: network + 1, Size: 1},
		bpf.ALUOpConstant{Op: bpf.ALUOpAdd, Val: 1},
		bpf.ALUOpConstant{Op: bpf.ALUOpShiftLeft, Val: 3},
	)
	p.label(step)
	p.add(bpf.ALUOpX{Op: bpf.ALUOpAdd}, bpf.TAX{}, bpf.LoadScratch{Dst: bpf.RegA, N: 0})
}

// fragment steps over the header of a first fragment. A later fragment holds no
// further headers: it is kept if TCP, or options before it, were cut up.
func (p *program) fragment(name, step string) {
	later := name + "later"
	p.label(name)
	p.add(
		bpf.LoadIndirect{Off: network, Size: 1},
		bpf.StoreScratch{Src: bpf.RegA, N: 0},
		bpf.LoadIndirect{Off: network + 2, Size: 2},
	)
	p.jumpIf(bpf.JumpBitsSet, 0xfff8, later)
	p.add(bpf.LoadConstant{Dst: bpf.RegA, Val: 8})
	p.jump(step)
	p.label(later)
	p.add(bpf.LoadScratch{Dst: bpf.RegA, N: 0})
	p.jumpIf(bpf.JumpEqual, unix.IPPROTO_TCP, keep)
	p.jumpIf(bpf.JumpEqual, unix.IPPROTO_DSTOPTS, keep)
	p.jump(drop)
}

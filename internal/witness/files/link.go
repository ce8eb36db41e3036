package files

import (
	"fmt"
	"strconv"
)

// parseNetlink reads a line of /proc/net/netlink: sk Eth Pid … Inode.
func parseNetlink(columns [][]byte) (socket, error) {
	protocol, err := strconv.ParseUint(string(columns[1]), 10, 32)
	if err != nil {
		return socket{}, fmt.Errorf("netlink protocol %.20q is no number", columns[1])
	}
	name, ok := netlinkProtocols[protocol]
	if !ok {
		name = fmt.Sprintf("unknown protocol: %d", protocol)
	}
	return socket{kind: "netlink", node: string(columns[9]), name: name}, nil
}

// parsePacket reads a line of /proc/net/packet: sk RefCnt Type Proto … Inode.
func parsePacket(columns [][]byte) (socket, error) {
	kind, errKind := strconv.ParseUint(string(columns[2]), 10, 32)
	protocol, errProtocol := strconv.ParseUint(string(columns[3]), 16, 32)
	if errKind != nil || errProtocol != nil {
		return socket{}, fmt.Errorf("packet socket of type %.20q, protocol %.20q is malformed", columns[2], columns[3])
	}
	node, ok := linkProtocols[protocol]
	if !ok {
		node = fmt.Sprint(protocol)
	}
	name := "type=" + socketType(kind)
	if name != "type=unknown" {
		name = "type=SOCK_" + socketType(kind)
	}
	return socket{kind: "pack", device: string(columns[8]), node: node, name: name}, nil
}

// parseRaw reads a line of /proc/net/raw or raw6; lsof leaves it in hexadecimal.
func parseRaw(kind string) func([][]byte) (socket, error) {
	return func(columns [][]byte) (socket, error) {
		return socket{
			kind: kind, node: string(columns[9]),
			name: fmt.Sprintf("%s->%s st=%s", columns[1], columns[2], columns[3]),
		}, nil
	}
}

// parseICMP reads a line of /proc/net/icmp, the table of ping sockets.
func parseICMP(columns [][]byte) (socket, error) {
	return socket{
		kind: "icmp", node: string(columns[9]),
		name: fmt.Sprintf("%s->%s", columns[1], columns[2]),
	}, nil
}

// netlinkProtocols are lsof's names of the protocols of linux/netlink.h.
var netlinkProtocols = map[uint64]string{
	0: "ROUTE", 1: "UNUSED", 2: "USERSOCK", 3: "FIREWALL", 4: "INET_DIAG", 5: "NFLOG",
	6: "XFRM", 7: "SELINUX", 8: "ISCSI", 9: "AUDIT", 10: "FIB_LOOKUP", 11: "CONNECTOR",
	12: "NETFILTER", 13: "IP6_FW", 14: "DNRTMSG", 15: "KOBJECT_UEVENT", 16: "GENERIC",
	18: "SCSITRANSPORT", 19: "ECRYPTFS", 20: "RDMA", 21: "CRYPTO", 22: "SMC",
}

// linkProtocols are lsof's names of the protocols of linux/if_ether.h, which it
// cuts to 7 characters.
var linkProtocols = map[uint64]string{
	0x0001: "802.3", 0x0002: "AX25", 0x0003: "ALL", 0x0004: "802.2", 0x0005: "SNAP",
	0x0006: "DDCMP", 0x0007: "WAN_PPP", 0x0008: "PPP MP", 0x0009: "LCLTALK",
	0x0010: "PPPTALK", 0x0011: "802.2", 0x0015: "MOBITEX", 0x0016: "CONTROL",
	0x0017: "IRDA", 0x0018: "ECONET", 0x0019: "HDLC", 0x001a: "ARCNET",
	0x0060: "LOOP", 0x0200: "PUP", 0x0201: "PUPAT", 0x0800: "IP", 0x0805: "X25",
	0x0806: "ARP", 0x08ff: "BPQ", 0x0a00: "I3EPUP", 0x0a01: "I3EPUPA", 0x6000: "DEC",
	0x6001: "DNA_DL", 0x6002: "DNA_RC", 0x6003: "DNA_RT", 0x6004: "LAT", 0x6005: "DIAG",
	0x6006: "CUST", 0x6007: "SCA", 0x8035: "RARP", 0x809b: "ATALK", 0x80f3: "AARP",
	0x8100: "8021Q", 0x8137: "IPX", 0x86dd: "IPV6", 0x8809: "SLOW", 0x883e: "WCCP",
	0x8847: "MPLS_UC", 0x8848: "MPLS_MC", 0x884c: "ATMMPOA", 0x8863: "PPP_DIS",
	0x8864: "PPP_SES", 0x8884: "ATMFATE", 0x88a2: "AOE", 0x88ca: "TIPC",
}

package netns

import (
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Links are made by messages of our own (rtnetlink(7)): the names, indexes, MAC
// addresses and namespaces of both ends of a wire go in one, and nothing has to
// be looked up or moved afterwards.

// newLink returns the request for a link of that kind, without its details.
func newLink(i iface, flags uint32) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
	head := nl.NewIfInfomsg(unix.AF_UNSPEC)
	head.Index, head.Flags, head.Change = int32(i.index), flags, flags
	req.AddData(head)
	req.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(i.name)))
	return req
}

// do makes the bridge without multicast snooping, which costs more than
// everything else about it and has nothing to do without IPv6.
func (s bridgeStep) do(w *worker, t task) error {
	req := newLink(s.iface, unix.IFF_UP)
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated("bridge"))
	data := info.AddRtAttr(nl.IFLA_INFO_DATA, nil)
	data.AddRtAttr(nl.IFLA_BR_MCAST_SNOOPING, []byte{0})
	req.AddData(info)
	return w.send(t, req)
}

// do makes the veth pair with each end where it belongs.
func (s wireStep) do(w *worker, t task) error {
	req := newLink(s.near.iface, unix.IFF_UP)
	if err := w.addEnd(s.near, req.AddData); err != nil {
		return err
	}
	if s.bridge.index != 0 {
		req.AddData(nl.NewRtAttr(unix.IFLA_MASTER, nl.Uint32Attr(uint32(s.bridge.index))))
	}
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated("veth"))
	peer := info.AddRtAttr(nl.IFLA_INFO_DATA, nil).AddRtAttr(nl.VETH_INFO_PEER, nil)
	nl.NewIfInfomsgChild(peer, unix.AF_UNSPEC).Index = int32(s.far.iface.index)
	peer.AddRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(s.far.iface.name))
	if err := w.addEnd(s.far, func(a nl.NetlinkRequestData) { peer.AddChild(a) }); err != nil {
		return err
	}
	req.AddData(info)
	return w.send(t, req)
}

// addEnd adds what both ends of a wire have. Without a number of queues the
// kernel makes one for each processor of the machine.
func (w *worker) addEnd(e end, add func(nl.NetlinkRequestData)) error {
	namespace, err := w.network.namespace(e.host)
	if err != nil {
		return err
	}
	add(nl.NewRtAttr(unix.IFLA_NET_NS_FD, nl.Uint32Attr(uint32(namespace.Fd()))))
	if e.mac != nil {
		add(nl.NewRtAttr(unix.IFLA_ADDRESS, e.mac))
	}
	add(nl.NewRtAttr(unix.IFLA_NUM_TX_QUEUES, nl.Uint32Attr(1)))
	add(nl.NewRtAttr(unix.IFLA_NUM_RX_QUEUES, nl.Uint32Attr(1)))
	return nil
}

func (s upStep) do(w *worker, t task) error {
	req := nl.NewNetlinkRequest(unix.RTM_NEWLINK, unix.NLM_F_ACK)
	head := nl.NewIfInfomsg(unix.AF_UNSPEC)
	head.Index, head.Flags, head.Change = int32(s.iface.index), unix.IFF_UP, unix.IFF_UP
	req.AddData(head)
	return w.send(t, req)
}

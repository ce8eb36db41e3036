package netns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// Build makes the lab's hosts and subnets real: when it returns, every link
// carries. What it made is undone by Close; on an error it leaves nothing. Its
// errors say what could not be done to which host. Progress, if not nil, is
// told how far it is.
func Build(ctx context.Context, l *topology.Lab, progress func(done, total int)) (*Network, error) {
	members, err := membersOf(l)
	if err != nil {
		return nil, err
	}
	b := &builder{
		ctx: ctx, lab: l, members: members, network: newNetwork(l, members),
		progress: progress,
	}
	if err := onThread(b.build); err != nil {
		return nil, errors.Join(fmt.Errorf("wire %w", err), b.network.Close())
	}
	return b.network, nil
}

// A builder builds one network: namespaces, then the wires between them, then
// what each host has.
type builder struct {
	ctx     context.Context
	lab     *topology.Lab
	members map[string][]member // by subnet
	network *Network
	// first is the index of the last interface that every namespace has from
	// its beginning.
	first int
	near  []port // the ends of veth pairs that were up before the other ends

	parameters procfs
	done       int // hosts, each counted when it is made and when it is configured
	progress   func(done, total int)
}

// A port is an interface in a namespace.
type port struct {
	in    *namespace
	index int
}

// build runs on a thread that it may move to other namespaces.
func (b *builder) build() error {
	defer b.close()
	if err := b.makeBridgesNamespace(); err != nil {
		return fmt.Errorf("the bridges' namespace: %w", err)
	}
	if err := b.forEachHost(b.makeHost); err != nil {
		return err
	}
	for i, s := range b.lab.Subnets {
		if err := b.wireSubnet(fmt.Sprintf("br%d", i), b.members[s.Name]); err != nil {
			return fmt.Errorf("subnet %s: %w", s.Name, err)
		}
	}
	if err := b.forEachHost(b.configure); err != nil {
		return err
	}
	for _, s := range b.lab.Subnets {
		if err := b.addNeighbours(b.members[s.Name]); err != nil {
			return fmt.Errorf("subnet %s: %w", s.Name, err)
		}
	}
	return b.waitForCarrier()
}

// forEachHost does something to one host after another. The kernel does most of
// the work under one lock: more threads are no faster.
func (b *builder) forEachHost(do func(*Host) error) error {
	for _, asked := range b.lab.Hosts {
		if b.ctx.Err() != nil {
			return context.Cause(b.ctx)
		}
		if err := do(b.network.hosts[asked.Name]); err != nil {
			return fmt.Errorf("%s: %w", asked.Name, err)
		}
		if b.done++; b.progress != nil {
			b.progress(b.done, 2*len(b.lab.Hosts))
		}
	}
	return nil
}

// close closes what is needed while building only.
func (b *builder) close() {
	b.parameters.close()
	for _, ns := range b.network.namespaces() {
		if ns.links != nil {
			ns.links.Close()
		}
	}
}

// hashEntries is the size of a host's TCP hash table. The kernel also keeps
// half as many sockets in TIME_WAIT at most, unless net.ipv4.tcp_max_tw_buckets
// says otherwise.
const hashEntries = "4096"

// makeBridgesNamespace makes the namespace that holds the bridges and is the
// parent of all others. Namespaces that are made from it get a TCP hash table
// of their own, so that listing a host's sockets does not walk those of the
// whole machine.
func (b *builder) makeBridgesNamespace() error {
	bridges := &b.network.bridges
	if err := bridges.make(); err != nil {
		return err
	}
	// Beside lo there may be tunnels, where the machine has their modules.
	links, err := bridges.links.LinkList()
	if err != nil {
		return fmt.Errorf("list interfaces: %w", err)
	}
	for _, l := range links {
		b.first = max(b.first, l.Attrs().Index)
	}
	bridges.last = b.first
	if err := b.parameters.setIfPresent("net.ipv4.tcp_child_ehash_entries", hashEntries); err != nil {
		return err
	}
	return b.disableIPv6()
}

// disableIPv6 keeps a namespace from talking IPv6 to its neighbours on its own,
// which would be seen in every capture and costs more than all else.
func (b *builder) disableIPv6() error {
	return b.parameters.setIfPresent("net.ipv6.conf.all.disable_ipv6", "1")
}

// enableIPv6 keeps a host's IPv6 to its loopback and to the links that it has
// an IPv6 address on, where it is to be had at once: without duplicate address
// detection, which takes 2 s, and without asking for routers.
func (b *builder) enableIPv6() error {
	for _, s := range [][2]string{{"disable_ipv6", "1"}, {"accept_dad", "0"}, {"accept_ra", "0"}} {
		if err := b.parameters.set("net.ipv6.conf.default."+s[0], s[1]); err != nil {
			return err
		}
	}
	return nil
}

// hasIPv6 tells whether the host has an IPv6 address.
func hasIPv6(h *topology.Host) bool {
	return slices.ContainsFunc(h.Links, func(l topology.Link) bool { return l.Address6.IsValid() })
}

// makeHost makes a host without interfaces. Whether it forwards is always
// said: otherwise it does as the machine does.
func (b *builder) makeHost(h *Host) error {
	if err := setNamespace(b.network.bridges.file); err != nil {
		return err
	}
	if err := h.make(); err != nil {
		return err
	}
	h.last = b.first
	ipv6 := b.disableIPv6
	if hasIPv6(h.asked) {
		ipv6 = b.enableIPv6
	}
	if err := ipv6(); err != nil {
		return err
	}
	forward := "0"
	if h.asked.Forwards {
		forward = "1"
	}
	if err := b.parameters.set("net.ipv4.ip_forward", forward); err != nil {
		return err
	}
	if err := b.parameters.setAll(h, false); err != nil {
		return err
	}
	const loopback = 1
	if err := h.links.LinkSetUp(withIndex(loopback)); err != nil {
		return fmt.Errorf("set lo up: %w", err)
	}
	return nil
}

// A namespace is a network namespace without a name: it lasts while its
// descriptor is open or a process is in it.
type namespace struct {
	file  *os.File        // nil: not made
	links *netlink.Handle // rtnetlink(7) in it, while it is built
	last  int             // the last interface's index: the kernel counts
}

// make makes a network namespace as a child of the one that the thread is in,
// and moves the thread there.
func (ns *namespace) make() error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		if errors.Is(err, unix.ENOSPC) {
			err = fmt.Errorf("%w: the system allows no more (user.max_net_namespaces)", err)
		}
		return fmt.Errorf("make a network namespace: %w", err)
	}
	var err error
	if ns.file, err = currentNamespace(); err != nil {
		return err
	}
	ns.links, err = netlink.NewHandle(unix.NETLINK_ROUTE)
	return err
}

// next is the index of the next interface that is made.
func (ns *namespace) next() int {
	ns.last++
	return ns.last
}

// wireSubnet joins two hosts by a veth pair, and more than two, or a host
// alone, by a bridge.
func (b *builder) wireSubnet(bridge string, members []member) error {
	attrs := netlink.NewLinkAttrs()
	switch len(members) {
	case 0:
		return nil
	case 2:
		near, far := members[0], members[1]
		h := b.network.hosts[near.host.Name]
		attrs.Name, attrs.HardwareAddr, attrs.Index = interfaceName(near.link), near.mac, h.next()
		h.interfaces[near.link] = attrs.Index
		return b.addPair(&h.namespace, attrs, far)
	}
	bridges := &b.network.bridges
	attrs.Name, attrs.Index, attrs.Flags = bridge, bridges.next(), net.FlagUp
	// Multicast snooping costs more than everything else about a bridge. Without
	// it multicast, IPv6's for instance, goes to all.
	off := false
	if err := bridges.links.LinkAdd(&netlink.Bridge{LinkAttrs: attrs, MulticastSnooping: &off}); err != nil {
		return fmt.Errorf("make a bridge: %w", err)
	}
	attrs.MasterIndex = attrs.Index
	for i, m := range members {
		attrs.Name, attrs.Index = fmt.Sprintf("%sp%d", bridge, i), bridges.next()
		if err := b.addPair(bridges, attrs, m); err != nil {
			return err
		}
	}
	return nil
}

// addPair makes a veth pair. Its near end is as the attributes say, and up; its
// far end is a host's interface, and down, for the kernel takes it no other way.
// Without a number of queues there would be one for each of the machine's
// processors.
func (b *builder) addPair(near *namespace, attrs netlink.LinkAttrs, far member) error {
	h := b.network.hosts[far.host.Name]
	attrs.Flags, attrs.NumTxQueues, attrs.NumRxQueues = net.FlagUp, 1, 1
	veth := netlink.NewVeth(attrs)
	veth.PeerName, veth.PeerHardwareAddr = interfaceName(far.link), far.mac
	veth.PeerNamespace = netlink.NsFd(h.file.Fd())
	if err := near.links.LinkAdd(veth); err != nil {
		return fmt.Errorf("attach %s: %w", far.host.Name, err)
	}
	h.interfaces[far.link] = h.next()
	b.near = append(b.near, port{near, attrs.Index})
	return nil
}

// configure gives a host whose interfaces exist all that they have.
func (b *builder) configure(h *Host) error {
	for i, link := range h.asked.Links {
		index := withIndex(h.interfaces[i])
		if err := h.links.LinkSetUp(index); err != nil {
			return fmt.Errorf("set %s up: %w", interfaceName(i), err)
		}
		if err := h.links.AddrAdd(index, &netlink.Addr{IPNet: ipNet(link.Address)}); err != nil {
			return fmt.Errorf("give %s %s: %w", interfaceName(i), link.Address, err)
		}
		if !link.Address6.IsValid() {
			continue
		}
		if err := setNamespace(h.file); err != nil {
			return err
		}
		if err := b.parameters.set("net.ipv6.conf."+interfaceName(i)+".disable_ipv6", "0"); err != nil {
			return err
		}
		if err := h.links.AddrAdd(index, &netlink.Addr{IPNet: ipNet(link.Address6), Flags: unix.IFA_F_NODAD}); err != nil {
			return fmt.Errorf("give %s %s: %w", interfaceName(i), link.Address6, err)
		}
	}
	for _, r := range h.asked.Routes {
		// The kernel finds the interface by the gateway.
		if err := h.links.RouteAdd(&netlink.Route{Dst: ipNet(r.Destination.Masked()), Gw: r.Gateway.AsSlice()}); err != nil {
			return fmt.Errorf("route %s via %s: %w", r.Destination, r.Gateway, err)
		}
	}
	return b.parameters.setAll(h, true)
}

// addNeighbours tells the members of a subnet each other's MAC addresses. See
// the package documentation.
func (b *builder) addNeighbours(members []member) error {
	for _, m := range members {
		h := b.network.hosts[m.host.Name]
		for _, other := range neighbours(members, m) {
			entry := netlink.Neigh{
				LinkIndex: h.interfaces[m.link], Family: unix.AF_INET, State: netlink.NUD_PERMANENT,
				IP: other.address.AsSlice(), HardwareAddr: other.mac,
			}
			err := h.links.NeighSet(&entry)
			if err == nil && m.address6.IsValid() && other.address6.IsValid() {
				entry.Family, entry.IP = unix.AF_INET6, other.address6.AsSlice()
				err = h.links.NeighSet(&entry)
			}
			if err != nil {
				return fmt.Errorf("make %s a neighbour of %s: %w", other.host.Name, m.host.Name, err)
			}
		}
	}
	return nil
}

// carrierLimit is far more than the kernel needs for 1,000 links.
const carrierLimit = 30 * time.Second

// waitForCarrier waits until the near ends are operational. They were up before
// the far ends; the kernel starts to send there only when it has noticed the
// far end, in a work queue, or, from Linux 6.8 on, when it is asked about the
// link. Until then it drops what is sent, and a TCP handshake would lose a
// second. The far ends need no wait: they came up when the near ones were there.
func (b *builder) waitForCarrier() error {
	end := time.Now().Add(carrierLimit)
	for _, p := range b.near {
		for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
			link, err := p.in.links.LinkByIndex(p.index)
			if err != nil {
				return fmt.Errorf("ask about interface %d: %w", p.index, err)
			}
			if link.Attrs().OperState == netlink.OperUp {
				break
			}
			if time.Now().After(end) {
				return fmt.Errorf("wait for interface %s: it does not come up", link.Attrs().Name)
			}
			select {
			case <-b.ctx.Done():
				return context.Cause(b.ctx)
			case <-time.After(pause):
			}
		}
	}
	return nil
}

// withIndex is a link of which only its index is known.
func withIndex(index int) netlink.Link {
	return &netlink.GenericLink{LinkAttrs: netlink.LinkAttrs{Index: index}}
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

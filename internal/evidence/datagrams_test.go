package evidence

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// udp is a datagram.
func udp(ms int, from, to netip.AddrPort, payload string) Packet {
	return Packet{
		Protocol: UDP, Time: epoch.Add(time.Duration(ms) * time.Millisecond), Source: from, Destination: to,
		Payload: []byte(payload), Length: len(payload),
	}
}

// A post is a lab's hosts, client ── r1 ── r2 ── server, that each has datagrams.
type post struct{ client, r1, r2, server *Host }

// posted has the client send datagrams to the server, one each 10 ms, all of
// which arrive within a millisecond.
func posted(payloads ...string) *post {
	p := &post{&Host{Name: "client"}, &Host{Name: "r1"}, &Host{Name: "r2"}, &Host{Name: "server"}}
	for i, text := range payloads {
		d := udp(10*i, here, there, text)
		p.client.Packets = append(p.client.Packets, leg("eth0", true, 64, d)...)
		p.r1.Packets = append(p.r1.Packets, slices.Concat(leg("eth0", false, 64, d), leg("eth1", true, 63, d))...)
		p.r2.Packets = append(p.r2.Packets, slices.Concat(leg("eth1", false, 63, d), leg("eth0", true, 62, d))...)
		p.server.Packets = append(p.server.Packets, leg("eth0", false, 62, d)...)
	}
	return p
}

func (p *post) join(masquerade ...string) *Run {
	r := runOf(joinLab(masquerade...), p.client, p.r1, p.r2, p.server)
	return r
}

// without leaves out the nth packet of a host.
func (h *Host) without(n int) { h.Packets = slices.Delete(h.Packets, n, n+1) }

// seen is what a test says of a datagram.
func seen(d *Datagram) string {
	var path []string
	for _, hop := range d.Path {
		path = append(path, hop.Host)
	}
	end := "lost"
	if d.Receiver.Packet != nil {
		end = d.Receiver.Host
	}
	text := strings.Join(append(append([]string{string(d.Payload), d.Sender.Host}, path...), end), " ")
	for _, name := range []string{"sender.packets", "router.packets", "receiver.packets"} {
		if why := d.Lacks[name]; why != "" {
			text += "; " + name + ": " + why
		}
	}
	return text
}

func TestDatagramsAreJoined(t *testing.T) {
	const unsure = "; router.packets: equal datagrams were lost, and nothing tells which; receiver.packets: equal datagrams were lost, and nothing tells which"
	for name, c := range map[string]struct {
		payloads []string
		change   func(*post, *Run)
		want     []string
		orphans  int
	}{
		"all arrive":   {[]string{"a", "b"}, func(*post, *Run) {}, []string{"a client r1 r2 server", "b client r1 r2 server"}, 0},
		"equal":        {[]string{"a", "a"}, func(*post, *Run) {}, []string{"a client r1 r2 server", "a client r1 r2 server"}, 0},
		"cut at r1":    {[]string{"a", "b"}, func(p *post, _ *Run) { p.r1.without(1); p.r2.Packets = p.r2.Packets[2:]; p.server.without(0) }, []string{"a client lost", "b client r1 r2 server"}, 0},
		"cut at r2":    {[]string{"a", "b"}, func(p *post, _ *Run) { p.r2.without(3); p.server.without(1) }, []string{"a client r1 r2 server", "b client r1 lost"}, 0},
		"one of equal": {[]string{"a", "a"}, func(p *post, _ *Run) { p.r2.without(1); p.server.without(0) }, []string{"a client r1 lost" + unsure, "a client r1 r2 server" + unsure}, 0},
		"one of equal, long before": {[]string{"a", "a"}, func(p *post, _ *Run) {
			p.r2.without(1)
			p.server.without(0)
			for _, h := range []*Host{p.client, p.r1, p.r2, p.server} {
				h.Packets[len(h.Packets)-1].Time = epoch.Add(time.Second)
				if n := len(h.Packets) - 2; n >= 0 && h.Packets[n].Time.After(epoch) {
					h.Packets[n].Time = epoch.Add(time.Second)
				}
			}
		}, []string{"a client r1 lost", "a client r1 r2 server"}, 0},
		"nothing at the server": {
			[]string{"a"},
			func(p *post, _ *Run) { p.server.Packets = nil },
			[]string{"a client r1 r2 lost; receiver.packets: its capture has no such datagram"},
			1,
		},
		"nothing at the client": {
			[]string{"a"},
			func(p *post, _ *Run) { p.client.Packets = nil },
			[]string{"a client r1 r2 server; sender.packets: its capture has no such datagram"},
			1,
		},
		"nothing at r2": {
			[]string{"a"},
			func(p *post, _ *Run) { p.r2.Packets = nil },
			[]string{"a client r1 server; router.packets: r2: has not forwarded it, by its capture"},
			1,
		},
		"no capture of the server": {
			[]string{"a"},
			func(p *post, r *Run) { p.server.Packets, p.server.Defects[Packets] = nil, "missing" },
			[]string{"a client r1 r2 lost; receiver.packets: missing"},
			0,
		},
		"no capture of the client": {
			[]string{"a"},
			func(p *post, r *Run) { p.client.Packets, p.client.Defects[Packets] = nil, "missing" },
			[]string{"a client r1 r2 server; sender.packets: missing"},
			0,
		},
		"no capture of r2": {
			[]string{"a"},
			func(p *post, r *Run) { p.r2.Packets, p.r2.Defects[Packets] = nil, "missing" },
			[]string{"a client r1 server; router.packets: r2: missing"},
			0,
		},
		"no capture of r2, and lost": {
			[]string{"a"},
			func(p *post, r *Run) { p.r2.Packets, p.r2.Defects[Packets], p.server.Packets = nil, "missing", nil },
			[]string{"a client r1 lost; router.packets: r2: missing; receiver.packets: r2: missing"},
			0,
		},
		"overheard": {[]string{"a"}, func(p *post, r *Run) {
			r.Hosts["r2"].Packets = append(leg("eth0", false, 64, udp(0, here, netip.MustParseAddrPort("10.12.1.11:9"), "x")), p.r2.Packets...)
		}, []string{"a client r1 r2 server", "x client lost; sender.packets: its capture has no such datagram"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			p := posted(c.payloads...)
			r := p.join()
			c.change(p, r)
			for _, h := range r.Hosts {
				for i := range h.Packets {
					h.Packets[i].Number = i + 1
				}
			}
			join(r)
			var got []string
			for i := range r.Datagrams {
				got = append(got, seen(&r.Datagrams[i]))
			}
			assert.Equal(t, c.want, got)
			assert.Len(t, r.Orphans, c.orphans)
		})
	}
}

func TestDatagramsAreCounted(t *testing.T) {
	r := posted("a", "b", "a").join()
	join(r)
	require.Len(t, r.Datagrams, 3)
	var got []int
	for _, d := range r.Datagrams {
		got = append(got, d.Occurrence)
	}
	assert.Equal(t, []int{1, 1, 2}, got)
	assert.Equal(t, epoch.Add(20*time.Millisecond), r.Datagrams[2].Time)
}

// r1 translates: the server sees its address, and answers to it.
func TestTranslatedDatagrams(t *testing.T) {
	sent, changed := udp(0, here, there, "a"), udp(0, second, there, "a")
	answer, back := udp(1, there, second, "b"), udp(1, there, here, "b")
	hosts := func() *post {
		row := Translation{Header: Header{Line: 1}, Protocol: UDP, Original: FourTuple{here, there}, Translated: FourTuple{second, there}}
		return &post{
			client: &Host{Name: "client", Packets: slices.Concat(leg("eth0", true, 64, sent), leg("eth0", false, 62, back))},
			r1: &Host{Name: "r1", Translations: []Translation{row, row}, Packets: slices.Concat(
				leg("eth0", false, 64, sent), leg("eth1", true, 63, changed), leg("eth1", false, 63, answer), leg("eth0", true, 62, back))},
			r2:     &Host{Name: "r2", Packets: slices.Concat(leg("eth1", false, 63, changed), leg("eth0", true, 62, changed), leg("eth0", false, 64, answer), leg("eth1", true, 63, answer))},
			server: &Host{Name: "server", Packets: slices.Concat(leg("eth0", false, 62, changed), leg("eth0", true, 64, answer))},
		}
	}
	r := hosts().join("r1")
	join(r)
	require.Len(t, r.Datagrams, 2)
	assert.Equal(t, "a client r1 r2 server", seen(&r.Datagrams[0]))
	assert.Equal(t, FourTuple{here, there}, r.Datagrams[0].FourTuple)
	assert.Equal(t, FourTuple{second, there}, r.Datagrams[0].AtReceiver())
	assert.NotNil(t, r.Datagrams[0].Path[0].Translation)
	assert.Equal(t, "b server r2 r1 client", seen(&r.Datagrams[1]))
	assert.Equal(t, FourTuple{there, here}, r.Datagrams[1].AtReceiver())
	assert.Empty(t, r.Orphans)

	// Without the row nobody knows: neither that it is lost, nor that r1 sent it.
	for name, c := range map[string]struct{ defect, want string }{
		"whole":   {"", "r1: its conntrack table does not say whether it translated the datagram"},
		"missing": {"missing", "r1: missing"},
	} {
		t.Run(name, func(t *testing.T) {
			p := hosts()
			r := p.join("r1")
			p.r1.Translations = nil
			if c.defect != "" {
				p.r1.Defects[Conntrack] = c.defect
			}
			join(r)
			require.Len(t, r.Datagrams, 4)
			for _, d := range r.Datagrams {
				for _, column := range []string{"sender.packets", "router.packets", "receiver.packets"} {
					assert.Equal(t, c.want, d.Lacks[column], "%s %s", column, seen(&d))
				}
			}
		})
	}
	t.Run("of a host that may not translate", func(t *testing.T) {
		r := hosts().join()
		join(r)
		assert.Len(t, r.Datagrams, 4)
		assert.NotEmpty(t, r.Orphans)
	})
}

// Datagrams of a host to itself are captured once.
func TestDatagramsOfOneHost(t *testing.T) {
	a, b := netip.MustParseAddrPort("127.0.0.1:1"), netip.MustParseAddrPort("127.0.0.1:2")
	p := posted()
	p.client.Packets, p.server.Packets = leg("lo", true, 64, udp(0, a, b, "x")), leg("lo", true, 64, udp(0, a, b, "x"))
	r := p.join()
	join(r)
	require.Len(t, r.Datagrams, 2)
	assert.Equal(t, "x client client", seen(&r.Datagrams[0]))
	assert.Equal(t, "x server server", seen(&r.Datagrams[1]))
	assert.Equal(t, 1, r.Datagrams[1].Occurrence)
}

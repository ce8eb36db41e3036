package report

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/claim"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// busyLab has two routers in a row, a subnet between them with nobody on it,
// seven clients on one subnet and two on another, and a host that is on two
// subnets without forwarding.
//
//	home 10.12.0.0/24      server .10 ── inner .254, twin .20
//	transit 10.12.9.0/30   inner .1 ── outer .2
//	cafe 10.12.1.0/24      outer .254 ── client1 … client7 .11 … .17, twin .20
//	v6 2001:db8:12::/64    outer ::254 ── client8, client9
func busyLab() *topology.Lab {
	lab := &topology.Lab{Name: "busy", Server: "server", Port: 443}
	for name, prefix := range map[string]string{"cafe": "10.12.1.0/24", "home": "10.12.0.0/24", "transit": "10.12.9.0/30", "v6": "2001:db8:12::/64"} {
		lab.Subnets = append(lab.Subnets, topology.Subnet{Name: name, Prefix: netip.MustParsePrefix(prefix)})
	}
	add := func(name string, forwards bool, links ...topology.Link) {
		lab.Hosts = append(lab.Hosts, topology.Host{Name: name, Forwards: forwards, Links: links})
	}
	for i := range 7 {
		add(fmt.Sprintf("client%d", i+1), false, link("cafe", fmt.Sprintf("10.12.1.%d/24", i+11)))
	}
	add("client8", false, link("v6", "2001:db8:12::aaaa:bbbb:cccc:dddd/64"))
	add("client9-with-a-name-that-is-much-too-long-for-a-box", false, link("v6", "2001:db8:12::9/64"))
	add("inner", true, link("home", "10.12.0.254/24"), link("transit", "10.12.9.1/30"))
	add("outer", true, link("cafe", "10.12.1.254/24"), link("transit", "10.12.9.2/30"), link("v6", "2001:db8:12::254/64"))
	add("server", false, link("home", "10.12.0.10/24"))
	add("twin", false, link("cafe", "10.12.1.20/24"), link("home", "10.12.0.20/24"))
	for i := range 9 {
		lab.Clients = append(lab.Clients, lab.Hosts[i].Name)
	}
	return lab
}

func TestDrawing(t *testing.T) {
	empty := &topology.Lab{Name: "empty", Question: question}
	alone := &topology.Lab{
		Name: "alone", Server: "server", Clients: []string{"server"},
		Hosts: []topology.Host{{Name: "server", Links: []topology.Link{link("home", "10.12.0.10/24")}}}, Subnets: sampleLab().Subnets,
	}
	for name, lab := range map[string]*topology.Lab{"sample": sampleLab(), "busy": busyLab(), "empty": empty, "alone": alone} {
		t.Run(name, func(t *testing.T) {
			f := draw(lab, claim.Verdict{})
			requireInside(t, f)
			requireApart(t, f.Grounds)
			requireApart(t, f.Areas)
			require.Len(t, f.Grounds, len(lab.Subnets))
			require.Len(t, f.Areas, len(lab.Hosts))
		})
	}
}

// The controls: a figure that is too small, and one whose boxes overlap.
func TestDrawingChecksFail(t *testing.T) {
	f := draw(sampleLab(), claim.Verdict{})
	f.Areas[0].X = f.Areas[1].X
	f.Areas[0].Y = f.Areas[1].Y
	require.NotEmpty(t, overlap(f.Areas))
	f.Width /= 2
	require.NotEmpty(t, outside(f))
}

func requireInside(t *testing.T, f *figure) {
	t.Helper()
	require.Empty(t, outside(f))
}

func requireApart(t *testing.T, areas []area) {
	t.Helper()
	require.Empty(t, overlap(areas))
}

func outside(f *figure) (found []area) {
	for _, areas := range [][]area{f.Grounds, f.Areas} {
		for _, a := range areas {
			if a.X < 0 || a.Y < 0 || a.X+a.Width > f.Width || a.Y+a.Height > f.Height {
				found = append(found, a)
			}
		}
	}
	for _, w := range f.Wires {
		if min(w.X1, w.X2, w.Y1, w.Y2) < 0 || max(w.X1, w.X2) > f.Width || max(w.Y1, w.Y2) > f.Height {
			found = append(found, area{X: w.X1, Y: w.Y1, Class: w.Class})
		}
	}
	for _, l := range f.Labels {
		if l.X < 0 || l.Y < 0 || l.X > f.Width || l.Y > f.Height {
			found = append(found, area{X: l.X, Y: l.Y, Class: l.Text})
		}
	}
	return found
}

func overlap(areas []area) (found []area) {
	for i, a := range areas {
		for _, b := range areas[:i] {
			if a.X < b.X+b.Width && b.X < a.X+a.Width && a.Y < b.Y+b.Height && b.Y < a.Y+a.Height {
				found = append(found, a, b)
			}
		}
	}
	return found
}

// Hosts that share a column do not meet, subnets come in the order in which a
// packet from the server reaches them.
func TestLanes(t *testing.T) {
	l := lanesOf(busyLab())
	var subnets []string
	for _, s := range l.subnets {
		subnets = append(subnets, s.Name)
	}
	require.Equal(t, []string{"home", "cafe", "v6", "transit"}, subnets)
	require.Len(t, l.columns, 3)
	sample := lanesOf(sampleLab())
	require.Len(t, sample.columns, 1)
}

package report

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// busyRun is a run without evidence. Its lab has two routers in a row, a subnet
// between them with nobody on it, seven clients on one subnet and two on
// another, and a host that is on two subnets without forwarding.
//
//	home 10.12.0.0/24      server .10 ── inner .254, twin .20
//	transit 10.12.9.0/30   inner .1 ── outer .2
//	cafe 10.12.1.0/24      outer .254 ── client1 … client7 .11 … .17, twin .20
//	v6 2001:db8:12::/64    outer ::254 ── client8, client9
func busyRun() *evidence.Run {
	lab := &topology.Lab{Name: "busy", Server: "server", Port: 443}
	for _, s := range [][2]string{{"cafe", "10.12.1.0/24"}, {"home", "10.12.0.0/24"}, {"transit", "10.12.9.0/30"}, {"v6", "2001:db8:12::/64"}} {
		lab.Subnets = append(lab.Subnets, topology.Subnet{Name: s[0], Prefix: netip.MustParsePrefix(s[1])})
	}
	add := func(name string, forwards bool, links ...topology.Link) {
		lab.Hosts = append(lab.Hosts, topology.Host{Name: name, Forwards: forwards, Links: links})
		if strings.HasPrefix(name, "client") {
			lab.Clients = append(lab.Clients, name)
		}
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
	return &evidence.Run{Lab: lab, Hosts: map[string]*evidence.Host{}}
}

// In a drawing everything is inside the figure, subnets lie apart, and so do
// hosts. Links to subnets that the lab does not have are not drawn.
func TestTopologyFigure(t *testing.T) {
	astray := sampleLab()
	astray.Subnets = astray.Subnets[:1]
	for name, test := range map[string]struct {
		lab            *topology.Lab
		subnets, hosts int
	}{
		"sample": {sampleLab(), 4, 5},
		"busy":   {busyRun().Lab, 4, 13},
		"empty":  {&topology.Lab{Name: "empty"}, 0, 0},
		"astray": {astray, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			f := drawTopology(test.lab, nil)
			subnets, hosts := boxesOf(f)
			require.Len(t, subnets, test.subnets)
			require.Len(t, hosts, test.hosts)
			require.Empty(t, overlap(subnets))
			require.Empty(t, overlap(hosts))
			require.Empty(t, outside(f))
		})
	}
	f := drawTopology(sampleLab(), nil)
	_, hosts := boxesOf(f)
	hosts[1].X, hosts[1].Y = hosts[0].X, hosts[0].Y
	require.NotEmpty(t, overlap(hosts), "the control")
	f.Width /= 2
	require.NotEmpty(t, outside(f), "the control")
}

func boxesOf(f *figure) (subnets, hosts []shape) {
	for _, s := range f.Shapes {
		switch {
		case s.Kind == "box" && s.Class == "subnet":
			subnets = append(subnets, s)
		case s.Kind == "box":
			hosts = append(hosts, s)
		}
	}
	return subnets, hosts
}

func outside(f *figure) (found []shape) {
	for _, s := range f.Shapes {
		right, bottom := max(s.X, s.X+s.Width, s.Right), max(s.Y, s.Y+s.Height, s.Bottom)
		if s.X < 0 || s.Y < 0 || right > f.Width || bottom > f.Height {
			found = append(found, s)
		}
	}
	return found
}

func overlap(boxes []shape) (found []shape) {
	for i, a := range boxes {
		for _, b := range boxes[:i] {
			if a.X < b.X+b.Width && b.X < a.X+a.Width && a.Y < b.Y+b.Height && b.Y < a.Y+a.Height {
				found = append(found, a, b)
			}
		}
	}
	return found
}

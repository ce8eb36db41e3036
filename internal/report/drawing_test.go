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
	lab := &topology.Lab{Name: "busy"}
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
	run := &evidence.Run{Lab: lab, Hosts: map[string]*evidence.Host{}}
	cameToServer(run)
	return run
}

// cameToServer gives a run a connection, so that it has a server.
func cameToServer(run *evidence.Run) {
	run.Connections = []evidence.Connection{{
		FourTuple: evidence.FourTuple{Source: end("10.12.1.11:5000"), Destination: end("10.12.0.10:443")},
		Client:    evidence.Side{Host: "client1", Local: end("10.12.1.11:5000"), Remote: end("10.12.0.10:443")},
		Server:    evidence.Side{Host: "server", Local: end("10.12.0.10:443"), Remote: end("10.12.1.11:5000")},
		Opening:   1, Outcome: evidence.Unanswered,
	}}
}

// The server's subnet comes first, then the one between the routers, then those
// of the clients. A host on a subnet that the lab does not have is not drawn.
func TestDrawing(t *testing.T) {
	astray := sampleLab()
	astray.Subnets = astray.Subnets[:1]
	for name, test := range map[string]struct {
		lab  *topology.Lab
		want string
	}{
		"sample": {sampleLab(), "home: server, cafe: client1, office: client2, campus: client3, router in column 1 from 1 to 4"},
		"busy": {busyRun().Lab, "home: server, transit:, cafe: client1 client2 client3 client4 client5 client6 client7, " +
			"v6: client8 client9-with-a-name-that-is-much-too-long-for-a-box, " +
			"inner in column 1 from 1 to 2, twin in column 2 from 1 to 3, outer in column 3 from 2 to 4"},
		"empty":  {&topology.Lab{Name: "empty"}, ""},
		"astray": {astray, "home: server"},
	} {
		var got []string
		run := &evidence.Run{Lab: test.lab}
		cameToServer(run)
		d := drawingOf(run, topology.English)
		for _, b := range d.Bands {
			line := b.Name + ":"
			for _, h := range b.Hosts {
				line += " " + h.Name
			}
			got = append(got, line)
		}
		for _, r := range d.Routers {
			got = append(got, fmt.Sprintf("%s in column %d from %d to %d", r.Name, r.Column, r.Row, r.End-1))
		}
		require.Equal(t, test.want, strings.Join(got, ", "), name)
	}
}

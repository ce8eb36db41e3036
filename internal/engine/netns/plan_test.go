package netns

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/topology"
)

var update = flag.Bool("update", false, "write the golden files anew")

// special has everything that makes a plan longer: its router translates
// addresses, and hosts have parameters, before and after their interfaces.
func special() *topology.Lab {
	l := star(1)
	masquerade(l, "router", "home")
	router, _ := l.Host("router")
	router.Sysctls = map[string]string{"net.ipv4.ip_forward": "1"}
	client, _ := l.Host("client1")
	client.Sysctls = map[string]string{
		"net.ipv4.conf.eth0.rp_filter": "2", "net.ipv4.ip_default_ttl": "33", "net.ipv4.conf.default.rp_filter": "1",
	}
	return l
}

func TestPlan(t *testing.T) {
	for name, lab := range map[string]*topology.Lab{"star": star(3), "chain": chain(), "special": special()} {
		t.Run(name, func(t *testing.T) {
			p, err := newPlan(lab)
			require.NoError(t, err)
			golden := filepath.Join("testdata", name+".golden")
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(render(p)), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), render(p))
		})
	}
}

// render writes a plan for people.
func render(p plan) string {
	var text strings.Builder
	for _, s := range p {
		fmt.Fprintf(&text, "%s\n", s.name)
		for _, task := range s.tasks {
			fmt.Fprintf(&text, "\t%s\n", task.host)
			for _, step := range task.steps {
				fmt.Fprintf(&text, "\t\t%s\n", step)
				if wire, ok := step.(wireStep); ok {
					fmt.Fprintf(&text, "\t\t\tindex %d to %d, MAC %q to %q\n",
						wire.near.iface.index, wire.far.iface.index, wire.near.mac, wire.far.mac)
				}
			}
		}
	}
	return text.String()
}

func TestPlanRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(client, router *topology.Host)
		says   string
	}{
		"a sysctl of the machine": {
			func(c, _ *topology.Host) { c.Sysctls = map[string]string{"kernel.pid_max": "1"} },
			"sysctl kernel.pid_max of client1: a host has its own net.* and nothing else",
		},
		"a path": {
			func(c, _ *topology.Host) { c.Sysctls = map[string]string{"net.ipv4./../../kernel.pid_max": "1"} },
			"a host has its own net.*",
		},
		"a path of dots": {
			func(c, _ *topology.Host) { c.Sysctls = map[string]string{"net....kernel.pid_max": "1"} },
			"a host has its own net.*",
		},
		"an unknown subnet": {
			func(c, _ *topology.Host) { c.Links[0].Subnet = "nowhere" },
			"client1: there is no subnet nowhere",
		},
		"IPv6": {
			func(c, _ *topology.Host) { c.Links[0].Address = netip.MustParsePrefix("fd00::1/64") },
			"client1 on net1: fd00::1/64 is no IPv4 address",
		},
		"a bad MAC": {
			func(c, _ *topology.Host) { c.Links[0].MAC = "02:00" },
			"client1 on net1: address 02:00: invalid MAC address",
		},
		"a long MAC": {
			func(c, _ *topology.Host) { c.Links[0].MAC = "02:00:00:00:00:00:00:01" },
			"not an Ethernet address",
		},
		"masquerade elsewhere": {
			func(_, r *topology.Host) { r.Masquerade = []string{"campus"} },
			"masquerade of router: it is not on subnet campus",
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := star(1)
			client, _ := l.Host("client1")
			router, _ := l.Host("router")
			c.change(client, router)
			_, err := newPlan(l)
			require.ErrorContains(t, err, c.says)
		})
	}
}

package compose_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// Whatever is widened reads back, has its clients on subnets of their own and
// reaches the server and back; and what is narrowed again never was wide.
func TestWidenKeepsWhatItPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		clients := rapid.IntRange(1, 4).Draw(t, "clients")
		lab, err := topology.Parse("lab.yml", []byte(star(clients, rapid.Bool().Draw(t, "chain")).text()), nil)
		require.NoError(t, err)
		n := rapid.IntRange(1, 30).Draw(t, "n")
		widened, err := topology.Widen(lab, n)
		require.NoError(t, err)
		checkReadsBack(t, widened)
		require.Len(t, widened.Clients, n)

		subnets := make(map[string]bool)
		server, _ := widened.Host("server")
		for _, name := range widened.Clients {
			client, ok := widened.Host(name)
			require.True(t, ok)
			require.Len(t, client.Links, 1)
			subnets[client.Links[0].Subnet] = true
			_, err := forward(widened, name, server.Address())
			require.NoError(t, err)
			_, err = forward(widened, "server", client.Address())
			require.NoError(t, err)
		}
		require.Len(t, subnets, n)

		k := rapid.IntRange(1, n).Draw(t, "k")
		again, err := topology.Widen(widened, k)
		require.NoError(t, err)
		direct, err := topology.Widen(lab, k)
		require.NoError(t, err)
		require.Equal(t, string(direct.Source), string(again.Source))
	})
}

// star has clients around a router, and the server behind it or, in a chain,
// behind one more:
//
//	client1 ── lan1 ─┐
//	client2 ── lan2 ─┴─ r1 ── home ── server      (r1 ── back ── r2 ── home)
func star(clients int, chain bool) sketch {
	s := sketch{subnets: []string{"home", "back"}, lab: "  server: server\n  clients: ["}
	r1 := sketchedHost{name: "r1", on: []int{0}, address: 251, router: true}
	if chain {
		r1.on = []int{1}
		s.hosts = append(s.hosts, sketchedHost{name: "r2", on: []int{0, 1}, address: 252, router: true})
	}
	s.hosts = append(s.hosts, sketchedHost{name: "server", on: []int{0}, address: 10})
	for i := range clients {
		s.subnets = append(s.subnets, fmt.Sprintf("lan%d", i+1))
		r1.on = append(r1.on, i+2)
		name := fmt.Sprintf("client%d", i+1)
		s.hosts = append(s.hosts, sketchedHost{name: name, on: []int{i + 2}, address: 10, extra: "    depends_on: [server, r1]\n"})
		s.lab += name + ","
	}
	s.hosts = append(s.hosts, r1)
	s.lab += "]\n"
	return s
}

func BenchmarkWidenToAThousand(b *testing.B) {
	lab := parse(b, firstLab, string(read(b, firstLab)))
	for b.Loop() {
		widen(b, lab, 1000)
	}
}

func BenchmarkParseAThousand(b *testing.B) {
	text := widen(b, parse(b, firstLab, string(read(b, firstLab))), 1000).Source
	for b.Loop() {
		if _, err := topology.Parse("lab.yml", text, nil); err != nil {
			b.Fatal(err)
		}
	}
}

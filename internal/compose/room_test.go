package compose_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/fourtuple/fourtuple/internal/topology"
)

func TestWidenSaysWhyItCannot(t *testing.T) {
	first := parse(t, firstLab, string(read(t, firstLab)))
	wide := edited(t, small(t), edit{"- subnet: 10.12.1.0/24", "- subnet: 10.13.0.0/16"},
		edit{"ipv4_address: 10.12.1.254", "ipv4_address: 10.13.1.254"}, edit{"ipv4_address: 10.12.1.10", "ipv4_address: 10.13.1.10"})
	twoDoors, alone := behindNAT(), behindNAT()
	twoDoors.hosts[4].on = []int{1, 2}
	alone.hosts[2].router, alone.hosts[2].extra = false, ""
	crowd := behindNAT()
	for i := range 12 {
		crowd.hosts = append(crowd.hosts, sketchedHost{name: fmt.Sprintf("extra%d", i), on: []int{0, 2}, address: 100 + i, router: true})
	}
	for _, test := range []struct {
		lab  *topology.Lab
		n    int
		want string
	}{
		{first, 0, "widen three-clients to 0 clients: a lab has at least 1"},
		{first, -1, "widen three-clients to -1 clients: a lab has at least 1"},
		{first, 4036, "widen three-clients to 4036 clients: the most that fits into 10.12.0.0/16 is 4035"},
		{parse(t, "lab.yml", wide), 2, "widen small to 2 clients: the most that fits into 10.13.0.0/16 is 1"},
		{parse(t, "x/lab.yml", labs(t)["no x-lab"]), 1, "widen x to 1 clients: the lab names no clients under x-lab, so there is none to copy"},
		{parse(t, "lab.yml", twoDoors.text()), 3, "widen sketch to 3 clients: its last client, pc2, is on 2 subnets; only a client on one can be copied"},
		{parse(t, "lab.yml", alone.text()), 3, "widen sketch to 3 clients: no router is on lan2 with its last client, pc2, so a copy elsewhere would reach nobody"},
		{parse(t, "lab.yml", crowd.text()), 3, "widen sketch to 3 clients: 13 routers are on lan2, and a new subnet has room for 12"},
	} {
		_, err := topology.Widen(test.lab, test.n)
		assert.EqualError(t, err, test.want)
	}
}

// Of the /16 only 10.12.63.0/24 is free, which is 16 new subnets.
func TestWidenToTheMost(t *testing.T) {
	text := edited(t, small(t), edit{homeSubnet, "- subnet: 10.12.0.0/19"},
		edit{"- subnet: 10.12.1.0/24", "- subnet: 10.12.32.0/20"}, edit{"ipv4_address: 10.12.1.254", "ipv4_address: 10.12.32.254"},
		edit{"ipv4_address: 10.12.1.10", "ipv4_address: 10.12.32.10"})
	for name, subnet := range map[string]string{"a": "10.12.48.0/21", "b": "10.12.56.0/22", "c": "10.12.60.0/23", "d": "10.12.62.0/24", "e": "10.12.64.0/18", "f": "10.12.128.0/17"} {
		text += fmt.Sprintf("  %s: {ipam: {config: [{subnet: %s}]}}\n", name, subnet)
	}
	lab := parse(t, "lab.yml", text)
	most := widen(t, lab, 17)
	last, _ := most.Subnet("cafe-17")
	assert.Equal(t, "10.12.63.240/28", last.Prefix.String())
	_, err := topology.Widen(lab, 18)
	assert.EqualError(t, err, "widen small to 18 clients: the most that fits into 10.12.0.0/16 is 17")
}

// The limit moves with the clients, and stays one that a lab may have.
func TestWidenMovesTheLimit(t *testing.T) {
	s := star(4, false)
	s.lab += "  limit: 2s\n"
	lab := parse(t, "lab.yml", s.text())
	assert.Equal(t, 3*time.Second, widen(t, lab, 6).Limit)
	assert.Equal(t, 2*time.Second, widen(t, lab, 4).Limit)
	assert.Equal(t, time.Second, widen(t, lab, 2).Limit)
	assert.Equal(t, time.Second, widen(t, lab, 1).Limit, "the least there is")
}

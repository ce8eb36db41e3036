package agent

import (
	"context"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

func TestWhichHostHasTheseAddresses(t *testing.T) {
	link := func(address string) topology.Link { return topology.Link{Address: netip.MustParsePrefix(address)} }
	lab := &topology.Lab{Hosts: []topology.Host{
		{Name: "client", Links: []topology.Link{link("10.12.1.10/24")}},
		{Name: "router", Links: []topology.Link{link("10.12.0.254/24"), link("10.12.1.254/24")}},
	}}
	at := func(addresses ...string) []evidence.Interface {
		var found []evidence.Interface
		for i, a := range addresses {
			found = append(found, evidence.Interface{Index: i + 1, Addresses: []netip.Prefix{netip.MustParsePrefix(a)}})
		}
		return found
	}
	tests := []struct {
		addresses []string
		name      string
	}{
		{[]string{"127.0.0.1/8", "10.12.1.10/24"}, "client"},
		{[]string{"10.12.1.254/24", "10.12.0.254/24"}, "router"},
		{[]string{"10.12.1.254/24"}, ""}, // the other network is not there yet
		{[]string{"127.0.0.1/8"}, ""},
	}
	for _, test := range tests {
		h, ok := Which(lab, at(test.addresses...))
		assert.Equal(t, test.name != "", ok, test.addresses)
		if ok {
			assert.Equal(t, test.name, h.Name)
		}
	}
	_, err := Recognize(context.Background(), lab, 0)
	require.ErrorContains(t, err, "no host of the lab")
}

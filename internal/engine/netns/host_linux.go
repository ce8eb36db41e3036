package netns

import (
	"fmt"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// A Host is a host of a Network. It is the place (agent.Place) of the host's
// agent and programs.
type Host struct {
	network *Network
	asked   *topology.Host
}

// Enter runs f on an OS thread in the host's network namespace and returns
// f's error. Sockets that f opens stay in that namespace and may be used from
// anywhere. It is an error if the network is closed.
func (h *Host) Enter(f func() error) error {
	namespace, err := h.network.namespace(h.asked.Name)
	if err != nil {
		return fmt.Errorf("enter %s: %w", h.asked.Name, err)
	}
	return inNamespace(namespace, f)
}

//go:build !linux

package host

import (
	"errors"

	"github.com/fourtuple/fourtuple/lab/topology"
)

func setRoutes(topology.Host) error {
	return errors.New("a host of a lab is a Linux network stack: use a container")
}

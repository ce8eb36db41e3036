//go:build !linux

package host

import "github.com/fourtuple/fourtuple/lab/topology"

func setRoutes(topology.Host) error { return errNotLinux }

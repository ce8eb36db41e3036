//go:build !linux

package agent

import "github.com/fourtuple/fourtuple/internal/topology"

func setRoutes(topology.Host) error { return errNotLinux }

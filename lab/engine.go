package main

import (
	"context"
	"fmt"
	"io"

	"github.com/fourtuple/fourtuple/internal/engine/docker"
	"github.com/fourtuple/fourtuple/internal/engine/netns"
	"github.com/fourtuple/fourtuple/internal/run"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// An engine makes a lab real, conducts it, leaves its evidence in the folder,
// and undoes everything it made. An error means that the lab could not run.
type engine interface {
	Run(ctx context.Context, lab *topology.Lab, folder string, o run.Options) error
}

const (
	engineNetns  = "netns"
	engineDocker = "docker"
)

// defaultEngine is netns where the system allows it, docker elsewhere.
func defaultEngine() string {
	if netns.Privileged() || netns.Supported() == nil {
		return engineNetns
	}
	return engineDocker
}

// elsewhere tells whether the engine needs this command to run once more, as
// an ordinary user's netns does, in a namespace where the user may make labs;
// if so it has run there, and its error is the exit status.
func elsewhere(engine string) (bool, error) {
	if engine != engineNetns || netns.Privileged() {
		return false, nil
	}
	exit, err := netns.Rootless()
	if err == nil && exit != 0 {
		err = status(exit)
	}
	return true, err
}

func chooseEngine(name string, progress func(step string, done, total int), stderr io.Writer) (engine, error) {
	switch name {
	case engineNetns:
		return netns.Engine{Wiring: func(done, total int) { progress("wire", done, total) }}, nil
	case engineDocker:
		return docker.Engine{Log: stderr}, nil
	default:
		return nil, fmt.Errorf("--engine %s: there is no such engine; use %s or %s", name, engineNetns, engineDocker)
	}
}

package netns

import (
	"context"
	"errors"
	"time"

	"github.com/fourtuple/fourtuple/internal/agent"
	"github.com/fourtuple/fourtuple/internal/run"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// An Engine makes labs real in network namespaces of this machine.
type Engine struct {
	// Wiring, if set, is told how far the wiring is.
	Wiring func(done, total int)
}

// Run makes the lab real, conducts it with all agents in this process, leaves
// its evidence in the folder, and undoes everything it made. An error means
// that the lab could not run.
func (e Engine) Run(ctx context.Context, lab *topology.Lab, folder string, o run.Options) (err error) {
	baton, err := run.Take(folder, lab.Source)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, baton.Drop()) }()
	network, err := Build(ctx, lab, Options{Progress: e.Wiring})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, network.Close()) }()
	agents, err := newAgents(lab, network, folder)
	if err != nil {
		return err
	}
	return run.Run(ctx, lab, agents, o)
}

func newAgents(lab *topology.Lab, network *Network, folder string) (map[string]run.Host, error) {
	agents := make(map[string]run.Host, len(lab.Hosts))
	for _, h := range lab.Hosts {
		agent, err := agent.New(agent.Config{
			Host: h, Lab: lab.Source, Folder: folder, Place: network.Host(h.Name), Poll: poll(len(lab.Hosts)),
		})
		if err != nil {
			for _, made := range agents {
				err = errors.Join(err, made.Close(context.Background()))
			}
			return nil, err
		}
		agents[h.Name] = agent
	}
	return agents, nil
}

// poll is how often each of so many hosts looks at its socket table: often
// where there are few, and rarely enough where there are many that all of them
// together do not keep the machine busy.
func poll(hosts int) time.Duration {
	return max(50*time.Millisecond, time.Duration(hosts)*2*time.Millisecond)
}

package netns

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/fourtuple/fourtuple/internal/agent"
	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/run"
)

// An Engine makes labs real in network namespaces of this machine.
type Engine struct{}

// Up builds the network and gives every host an agent in this process.
func (Engine) Up(ctx context.Context, s run.Setup) (*run.Network, error) {
	network, err := Build(ctx, s.Lab, s.Progress)
	if err != nil {
		return nil, err
	}
	up := &run.Network{
		Hosts: make(map[string]run.Host, len(s.Lab.Hosts)),
		Enter: make(map[string]string, len(s.Lab.Hosts)),
		Down:  func(context.Context) error { return network.Close() },
	}
	for _, h := range s.Lab.Hosts {
		host := network.Host(h.Name)
		up.Hosts[h.Name], err = agent.New(agent.Config{
			Host: h, Run: s.ID, LabHash: s.LabHash, Namespace: host, Poll: poll(len(s.Lab.Hosts)),
			Record: func(w evidence.Witness, records []byte) error { return s.Record(h.Name, w, records) },
		})
		if err != nil {
			return nil, errors.Join(err, network.Close())
		}
		up.Enter[h.Name] = host.enterCommand()
	}
	return up, nil
}

// poll is how often each of so many hosts looks at its socket table: often
// where there are few, and rarely enough where there are many that all of them
// together do not keep the machine busy.
func poll(hosts int) time.Duration {
	return max(50*time.Millisecond, time.Duration(hosts)*2*time.Millisecond)
}

// enterCommand is the command by which a person gets a shell on the host. The
// namespace has no name but that of this process's descriptor.
func (h *Host) enterCommand() string {
	fd := h.file.Fd()
	if outer := os.Getenv(outerPID); outer != "" {
		return fmt.Sprintf("nsenter --target %s --user --preserve-credentials --net=/proc/%s/fd/%d", outer, outer, fd)
	}
	return fmt.Sprintf("sudo nsenter --net=/proc/%d/fd/%d", os.Getpid(), fd)
}

// Package docker is the engine that makes a lab real as containers on bridge
// networks, as docker-compose.yml does, but by the Docker Engine's API
// (https://docs.docker.com/reference/api/engine/): from version 1.41, Docker
// 20.10, on.
//
// Engine brings labs up, BuildImages gives an engine the images for them
// without a registry, Clean removes what runs left whose coordinator was
// killed. The engine may be on another machine: nothing is mounted, and
// evidence comes over the API.
//
// # A host
//
// Every host is a container whose first program is the host's agent, lab host
// --stdio NAME. Our own images have it; into a container of any other image it is
// copied, from fourtuple/server, to a folder that no image has
// (run.AgentFolder). Such an image gives its files, its environment and its
// working directory; its entrypoint, command, user and health check play no part,
// as programs are the lab's. This process attaches to its standard streams before it starts
// it: input and output are the control stream, of which package run has the
// other end, and what the agent says on standard error is told where the host
// is lost. The container may do what its agent needs and no more, in our
// images on a root that nobody can write, and its engine keeps no log of the stream.
//
// An agent ends when its standard input does, which the engine closes as soon
// as the one attached is gone. So a run one of whose containers runs has a
// coordinator, wherever that is, and no process ids have to be compared: they
// would say nothing about another machine's processes on the same engine.
//
// # What is left
//
// All that a run makes has the label org.fourtuple.run=ID. No request is cut off
// on its way, so what has the label when the last one is answered is all there
// is; Down removes that, goes on at errors, and joins them.
//
// # Errors
//
// Errors of the engine are passed on in its own words, on one line, behind what
// was being made.
package docker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"

	"github.com/fourtuple/fourtuple/internal/run"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// The labels of what is made on an engine.
const (
	labelRun  = "org.fourtuple.run"  // the id of the run that made it
	labelHost = "org.fourtuple.host" // of a container: the host's name
)

// An Engine makes labs real as containers.
type Engine struct{}

var _ run.Engine = Engine{}

// Version is that of the Docker engine.
func (Engine) Version(ctx context.Context) (version string, err error) {
	cli, err := dial(ctx)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, cli.Close()) }()
	engine, err := cli.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return "", fmt.Errorf("ask the engine for its version: %s", oneLine(err))
	}
	return "docker " + engine.Version, nil
}

// Up makes the lab's networks and containers and starts every host's agent. On
// an error nothing is left.
func (Engine) Up(ctx context.Context, s run.Setup) (*run.Network, error) {
	cli, err := dial(ctx)
	if err != nil {
		return nil, err
	}
	n := newNetwork(cli, s)
	if err := n.up(ctx); err != nil {
		return nil, errors.Join(err, n.down(ctx))
	}
	live := &run.Network{Hosts: make(map[string]run.Host), Enter: make(map[string]string), Down: n.down}
	for name, host := range n.hosts {
		live.Hosts[name] = host
		live.Enter[name] = fmt.Sprintf("docker run -it --rm --network container:%[1]s --pid container:%[1]s nicolaka/netshoot", n.object(name))
	}
	return live, nil
}

// A network is a lab that is being made, or was.
type network struct {
	cli   *client.Client
	setup run.Setup

	// agent is the archive of run.AgentFolder for images that are not ours.
	agent func() ([]byte, error)

	mu    sync.Mutex // guards hosts while several are made at once
	hosts map[string]*run.Remote
}

func newNetwork(cli *client.Client, s run.Setup) *network {
	n := &network{cli: cli, setup: s, hosts: make(map[string]*run.Remote)}
	n.agent = sync.OnceValues(n.readAgent)
	return n
}

// object is the name of what the run makes of a host or a subnet.
func (n *network) object(part string) string {
	return fmt.Sprintf("fourtuple-%.8s-%s", n.setup.ID, part)
}

func (n *network) labels(more map[string]string) map[string]string {
	all := map[string]string{labelRun: n.setup.ID}
	maps.Copy(all, more)
	return all
}

func (n *network) up(ctx context.Context) error {
	if err := checkImages(ctx, n.cli, n.setup.Lab); err != nil {
		return err
	}
	if err := each(ctx, n.setup.Lab.Subnets, n.makeSubnet); err != nil {
		return err
	}
	return each(ctx, n.setup.Lab.Hosts, n.bringUp)
}

// helloTimeout bounds how long an agent may take to say who it is.
const helloTimeout = 20 * time.Second

// bringUp makes a host's container and starts its agent, which is a host once
// it has said who it is.
func (n *network) bringUp(ctx context.Context, h topology.Host) error {
	whole, cancel := uncut(ctx)
	defer cancel()
	if err := n.makeContainer(whole, h); err != nil {
		return err
	}
	s, err := attach(whole, n.cli, n.object(h.Name))
	if err != nil {
		return fmt.Errorf("attach to host %s: %s", h.Name, oneLine(err))
	}
	if _, err := n.cli.ContainerStart(whole, n.object(h.Name), client.ContainerStartOptions{}); err != nil {
		hint := ""
		if strings.Contains(err.Error(), run.AgentFolder) {
			hint = ": the image " + h.Image + " is of an older fourtuple, build it anew"
		}
		return errors.Join(fmt.Errorf("start host %s: %s%s", h.Name, oneLine(err), hint), s.Close())
	}
	said, cancelSaid := context.WithTimeout(ctx, helloTimeout)
	defer cancelSaid()
	host, err := run.Connect(said, s, n.setup, h, s.explain)
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts[h.Name] = host
	if n.setup.Progress != nil {
		n.setup.Progress(len(n.hosts), len(n.setup.Lab.Hosts))
	}
	return nil
}

// down ends the streams, whereupon nothing more is recorded and agents that
// still run end, and removes everything.
func (n *network) down(ctx context.Context) error {
	var errs []error
	for _, h := range n.hosts {
		errs = append(errs, h.Close())
	}
	_, err := removeRun(ctx, n.cli, n.setup.ID)
	return errors.Join(append(errs, err, n.cli.Close())...)
}

// atOnce is how many things the engine is asked for at a time. More do not make
// a run faster, as the engine takes turns in places.
const atOnce = 8

// each does a thing with all of these, some at once, until one fails or ctx
// ends. What has begun is finished before it returns.
func each[T any](ctx context.Context, all []T, do func(context.Context, T) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, thing := range all {
		group.Go(func() error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return do(ctx, thing)
		})
	}
	return group.Wait()
}

// requestTimeout bounds one thing that the engine is asked to make or remove.
const requestTimeout = time.Minute

// uncut is a context for requests that are not to be cut off on their way when
// ctx ends: the engine may make what it was asked for all the same.
func uncut(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), requestTimeout)
}

// oneLine is an error of the engine on one line that a terminal can be shown:
// some have several, and texts of programs in them.
func oneLine(err error) string {
	text := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, err.Error())
	return strings.Join(strings.Fields(text), " ")
}

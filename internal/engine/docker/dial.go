package docker

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/moby/moby/client"
)

// pingWithin bounds how long an engine may take to answer at all.
const pingWithin = 10 * time.Second

// An Unreachable is the error of an engine that does not answer.
type Unreachable struct {
	Endpoint string
	Cause    error
	// Denied says that an engine is there, but not for this user.
	Denied bool
}

func (u *Unreachable) Error() string {
	if u.Denied {
		return fmt.Sprintf("the Docker engine at %s does not let this user in: %v", u.Endpoint, u.Cause)
	}
	return fmt.Sprintf("no Docker engine answers at %s, start it or name another by DOCKER_HOST: %v", u.Endpoint, u.Cause)
}

func (u *Unreachable) Unwrap() error { return u.Cause }

// dial reaches the engine and agrees on a version of its API.
func dial(ctx context.Context) (*client.Client, error) {
	e, err := findEndpoint()
	if err != nil {
		return nil, err
	}
	return e.dial(ctx)
}

// dialLocal is dial for what needs the engine on this machine.
func dialLocal(ctx context.Context) (*client.Client, error) {
	e, err := findEndpoint()
	if err != nil {
		return nil, err
	}
	if !e.local() {
		return nil, fmt.Errorf("the Docker engine at %s is on another machine, where the evidence would stay: use one on this machine", e)
	}
	return e.dial(ctx)
}

func (e endpoint) dial(ctx context.Context) (*client.Client, error) {
	if strings.HasPrefix(e.address, "ssh:") {
		return nil, fmt.Errorf("the Docker engine at %s is reached over SSH, which fourtuple does not speak: forward its socket and set DOCKER_HOST=unix://SOCKET", e)
	}
	cli, err := client.New(client.FromEnv, client.WithHost(e.address))
	if err != nil {
		return nil, fmt.Errorf("the Docker engine at %s: %w", e, err)
	}
	short, cancel := context.WithTimeout(ctx, pingWithin)
	defer cancel()
	ping, err := cli.Ping(short, client.PingOptions{NegotiateAPIVersion: true})
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, e.unreachable(err)
	}
	if ping.OSType != "" && ping.OSType != "linux" {
		return nil, fmt.Errorf("the Docker engine at %s runs %s containers: switch it to Linux containers", e, ping.OSType)
	}
	return cli, nil
}

// unreachable is the error of a ping. The client keeps its cause as text only.
func (e endpoint) unreachable(err error) *Unreachable {
	return &Unreachable{e.String(), err, strings.Contains(err.Error(), "permission denied")}
}

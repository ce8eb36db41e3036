package docker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/moby/moby/client"
)

// pingTimeout bounds how long an engine may take to answer at all.
const pingTimeout = 10 * time.Second

// ErrUnreachable is the error of an engine that is not there or does not answer.
var ErrUnreachable = errors.New("no Docker engine answers")

// dial reaches the engine that the docker command reaches, and agrees on a
// version of its API.
func dial(ctx context.Context) (*client.Client, error) {
	options, where, err := endpoint(ctx)
	if err != nil {
		return nil, err
	}
	cli, err := client.New(options...)
	if err != nil {
		return nil, fmt.Errorf("the Docker engine at %s: %s", where, oneLine(err))
	}
	short, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	ping, err := cli.Ping(short, client.PingOptions{NegotiateAPIVersion: true})
	switch {
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case err != nil && strings.Contains(err.Error(), "permission denied"):
		err = fmt.Errorf("the Docker engine at %s does not let this user in: %s", where, oneLine(err))
	case err != nil:
		err = fmt.Errorf("%w at %s, start it or name another by DOCKER_HOST: %s", ErrUnreachable, where, oneLine(err))
	case ping.OSType != "" && ping.OSType != "linux":
		err = fmt.Errorf("the Docker engine at %s runs %s containers: switch it to Linux containers", where, ping.OSType)
	}
	if err != nil {
		return nil, errors.Join(err, cli.Close())
	}
	return cli, nil
}

// endpoint is how the engine is reached, and where it is in words: what
// DOCKER_HOST says, else the docker command's context, as Docker Desktop,
// Colima and rootless Docker set one, else the system's default. The docker
// command itself reaches what needs SSH, or a context's keys.
func endpoint(ctx context.Context) (options []client.Opt, where string, err error) {
	host := os.Getenv(client.EnvOverrideHost)
	byCommand := strings.HasPrefix(host, "ssh:")
	if host == "" {
		out, err := exec.CommandContext(ctx, "docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}").Output()
		switch {
		case err == nil:
			host = strings.TrimSpace(string(out))
			byCommand = strings.HasPrefix(host, "ssh:") || strings.HasPrefix(host, "tcp:")
		case os.Getenv("DOCKER_CONTEXT") != "":
			return nil, "", fmt.Errorf("find the Docker engine by DOCKER_CONTEXT: docker context inspect: %w", err)
		default: // no docker command, so nobody has made a context
			host = client.DefaultDockerHost
		}
	}
	if byCommand {
		return []client.Opt{client.WithHost("http://docker"), client.WithDialContext(dialStdio)}, host, nil
	}
	return []client.Opt{client.FromEnv, client.WithHost(host)}, host, nil
}

// dialStdio is a connection to the engine by way of the docker command, which
// speaks SSH.
func dialStdio(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	command := exec.Command("docker", "system", "dial-stdio")
	command.Stdin, command.Stdout, command.WaitDelay = theirs, theirs, time.Second
	if err := command.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = command.Wait() // the connection's end says as much
		_ = theirs.Close()
	}()
	return ours, nil
}

package docker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/api/types/system"
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
// Colima and rootless Docker set one, else the system's default.
func endpoint(ctx context.Context) (options []client.Opt, where string, err error) {
	host, tls := os.Getenv(client.EnvOverrideHost), ""
	if host == "" {
		inspect := exec.CommandContext(ctx, "docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}\n{{.Storage.TLSPath}}")
		out, err := inspect.Output()
		switch {
		case err == nil:
			host, tls, _ = strings.Cut(strings.TrimSpace(string(out)), "\n")
		case os.Getenv("DOCKER_CONTEXT") != "":
			return nil, "", fmt.Errorf("find the Docker engine by DOCKER_CONTEXT: docker context inspect: %w", err)
		default: // no docker command, so nobody has made a context
			host = client.DefaultDockerHost
		}
	}
	options = []client.Opt{client.FromEnv}
	if strings.HasPrefix(host, "ssh:") {
		return append(options, client.WithHost("http://docker"), client.WithDialContext(dialStdio)), host, nil
	}
	file := func(name string) string { return filepath.Join(tls, "docker", name) }
	if _, err := os.Stat(file("ca.pem")); err == nil && filepath.IsAbs(tls) {
		options = append(options, client.WithTLSClientConfig(file("ca.pem"), file("cert.pem"), file("key.pem")))
	}
	return append(options, client.WithHost(host)), host, nil
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

// hasInit tells whether the engine has docker-init, without which it refuses
// containers that ask for it.
func hasInit(ctx context.Context, cli *client.Client) (bool, error) {
	version, err := cli.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return false, fmt.Errorf("ask the engine for its version: %s", oneLine(err))
	}
	return slices.ContainsFunc(version.Components, func(c system.ComponentVersion) bool {
		return strings.HasSuffix(c.Name, "init")
	}), nil
}

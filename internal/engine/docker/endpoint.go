package docker

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"

	"github.com/moby/moby/client"
)

// An endpoint is where an engine is, and what says so.
type endpoint struct {
	address string // unix:///var/run/docker.sock
	source  string // DOCKER_HOST; empty for the system's default
}

// findEndpoint looks where the docker command looks: DOCKER_HOST, the context
// that DOCKER_CONTEXT or the docker command's configuration names, and the
// system's default. Docker Desktop, Colima and rootless Docker set a context.
func findEndpoint() (endpoint, error) {
	if address := os.Getenv(client.EnvOverrideHost); address != "" {
		return endpoint{address, client.EnvOverrideHost}, nil
	}
	folder, err := configuration()
	if err != nil {
		return endpoint{}, err
	}
	name, err := contextName(folder)
	if err != nil {
		return endpoint{}, err
	}
	if name == "" || name == "default" {
		return endpoint{address: client.DefaultDockerHost}, nil
	}
	address, err := contextAddress(folder, name)
	if err != nil {
		return endpoint{}, fmt.Errorf("docker context %s: %w", name, err)
	}
	return endpoint{address, "docker context " + name}, nil
}

// configuration is the folder of the docker command's configuration.
func configuration() (string, error) {
	if folder := os.Getenv("DOCKER_CONFIG"); folder != "" {
		return folder, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find the docker command's configuration: %w", err)
	}
	return filepath.Join(home, ".docker"), nil
}

func contextName(folder string) (string, error) {
	if name := os.Getenv("DOCKER_CONTEXT"); name != "" {
		return name, nil
	}
	var config struct {
		CurrentContext string `json:"currentContext"`
	}
	err := readJSON(filepath.Join(folder, "config.json"), &config)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return config.CurrentContext, err
}

// contextAddress reads what `docker context create` wrote down.
func contextAddress(folder, name string) (string, error) {
	hash := sha256.Sum256([]byte(name))
	var meta struct {
		Endpoints map[string]struct{ Host string }
	}
	file := filepath.Join(folder, "contexts", "meta", hex.EncodeToString(hash[:]), "meta.json")
	if err := readJSON(file, &meta); err != nil {
		return "", err
	}
	address := meta.Endpoints["docker"].Host
	if address == "" {
		return "", errors.New("it names no engine")
	}
	return address, nil
}

func readJSON(file string, into any) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// String is the address with what says so.
func (e endpoint) String() string {
	if e.source == "" {
		return e.address
	}
	return fmt.Sprintf("%s (%s)", e.address, e.source)
}

// local tells whether the engine is on this machine, by its address.
func (e endpoint) local() bool {
	u, err := url.Parse(e.address)
	if err != nil {
		return false
	}
	switch u.Scheme {
	case "unix", "npipe":
		return true
	case "tcp", "http", "https":
		ip := net.ParseIP(u.Hostname())
		return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	default:
		return false
	}
}

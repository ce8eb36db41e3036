package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// firstLab is the lab that both proofs are of, from the folder of the module.
const firstLab = "docker-compose.yml"

// A proof runs the first lab from start to verdict to clean, as a user does:
// the time of the whole command counts.
type proof struct{ folder, lab string }

// newProof builds the lab command into a folder of its own.
func newProof(ctx context.Context) (*proof, error) {
	folder, err := os.MkdirTemp("", "fourtuple-bench-")
	if err != nil {
		return nil, err
	}
	p := &proof{folder, filepath.Join(folder, "lab")}
	if err := run1(exec.CommandContext(ctx, "go", "build", "-o", p.lab, "./lab")); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

func (p *proof) close() error { return os.RemoveAll(p.folder) }

// by measures `lab run` with an engine. A verdict that is not holds is an error.
func (p *proof) by(engine string) measurement {
	return func(ctx context.Context) (cost, error) {
		c := exec.CommandContext(ctx, p.lab, "run", "--engine", engine, "--out", filepath.Join(p.folder, "run"), firstLab)
		start := time.Now()
		err := run1(c)
		return cost{up: time.Since(start)}, err
	}
}

// composeUp measures `docker compose up -d` of the same containers, and has
// them removed afterwards, which does not count.
func composeUp(ctx context.Context) (cost, error) {
	compose := []string{"docker", "compose"}
	if exec.CommandContext(ctx, "docker", "compose", "version").Run() != nil {
		compose = []string{"docker-compose"}
	}
	command := func(args ...string) *exec.Cmd {
		all := append(append(compose, "-p", "fourtuple-bench", "-f", firstLab), args...)
		return exec.CommandContext(ctx, all[0], all[1:]...)
	}
	start := time.Now()
	err := run1(command("up", "-d", "--no-build"))
	took := cost{up: time.Since(start)}
	if errors.Is(err, exec.ErrNotFound) {
		return cost{}, errNoPeer
	}
	return took, errors.Join(err, run1(command("down", "--timeout", "1")))
}

// run1 runs a command once, and quotes what it said if it failed.
func run1(c *exec.Cmd) error {
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", filepath.Base(c.Path), err, out)
	}
	return nil
}

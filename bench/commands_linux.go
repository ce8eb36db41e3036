package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// firstLab is the lab that both proofs are of, from the folder of the module.
const firstLab = "docker-compose.yml"

// runLab measures the whole command `lab run` with an engine, as a user runs
// it. A verdict that is not holds is an error.
func runLab(folder, engine string) func(context.Context) (cost, error) {
	return func(ctx context.Context) (cost, error) {
		if engine == "docker" {
			if err := need("docker"); err != nil {
				return cost{}, err
			}
		}
		c := exec.CommandContext(ctx, filepath.Join(folder, "lab"),
			"run", "--engine", engine, "--out", filepath.Join(folder, engine), firstLab)
		start := time.Now()
		err := output(c)
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
	if err := need(compose[0]); err != nil {
		return cost{}, err
	}
	command := func(args ...string) error {
		all := append(append(compose, "-p", "fourtuple-bench", "-f", firstLab), args...)
		return output(exec.CommandContext(ctx, all[0], all[1:]...))
	}
	start := time.Now()
	err := command("up", "-d", "--no-build")
	took := cost{up: time.Since(start)}
	return took, errors.Join(err, command("down", "--timeout", "1"))
}

//go:embed mininet_star.py
var mininetStar string

// python is the interpreter that Debian's package mininet belongs to.
const python = "/usr/bin/python3"

// wireMininet has Mininet wire a star once. Starting Python and importing
// Mininet does not count. A network in which no packet arrives is no network.
func wireMininet(subnets int) func(context.Context) (cost, error) {
	return func(ctx context.Context) (cost, error) {
		if err := need("mn", "ping"); err != nil {
			return cost{}, err
		}
		c := exec.CommandContext(ctx, python, "-", strconv.Itoa(subnets), "1")
		c.Stdin = strings.NewReader(mininetStar)
		line, err := c.Output()
		if err != nil {
			if exit := new(exec.ExitError); errors.As(err, &exit) {
				err = fmt.Errorf("%w: %s", err, exit.Stderr)
			}
			return cost{}, err
		}
		var took struct {
			Up, Down float64 // seconds
			Reached  bool
		}
		if err := json.Unmarshal(line, &took); err != nil {
			return cost{}, fmt.Errorf("read %q: %w", line, err)
		}
		if !took.Reached {
			return cost{}, errors.New("the first host does not reach the last")
		}
		seconds := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
		return cost{seconds(took.Up), seconds(took.Down)}, nil
	}
}

// need says which of the tools is not installed.
func need(tools ...string) error {
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%s is %w", tool, errMissing)
		}
	}
	return nil
}

// output runs a command, and quotes what it said if it failed.
func output(c *exec.Cmd) error {
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", filepath.Base(c.Path), err, out)
	}
	return nil
}

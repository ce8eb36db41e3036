package main

import (
	"context"
	_ "embed"
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
		_, err := output(c)
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
		_, err := output(exec.CommandContext(ctx, all[0], all[1:]...))
		return err
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
		c := exec.CommandContext(ctx, python, "-", strconv.Itoa(subnets))
		c.Stdin = strings.NewReader(mininetStar)
		line, err := output(c)
		if err != nil {
			return cost{}, err
		}
		var up, down float64 // milliseconds
		if _, err := fmt.Sscan(line, &up, &down); err != nil {
			return cost{}, fmt.Errorf("read %q: %w", line, err)
		}
		return cost{time.Duration(up * 1e6), time.Duration(down * 1e6)}, nil
	}
}

// need says which of the tools is not installed.
func need(tools ...string) error {
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%s is not installed", tool)
		}
	}
	return nil
}

// output runs a command and returns what it printed, and quotes its complaints
// if it failed.
func output(c *exec.Cmd) (string, error) {
	var complaints strings.Builder
	c.Stderr = &complaints
	out, err := c.Output()
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", filepath.Base(c.Path), err, &complaints)
	}
	return string(out), err
}

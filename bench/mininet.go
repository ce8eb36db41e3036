package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

//go:embed mininet_star.py
var mininetStar string

// python is the interpreter that Debian's package mininet belongs to.
const python = "/usr/bin/python3"

// wireMininet has Mininet wire a star once. Starting Python and importing
// Mininet does not count.
func wireMininet(subnets int) measurement {
	return func(ctx context.Context) (cost, error) {
		if err := exec.CommandContext(ctx, python, "-c", "import mininet.net").Run(); err != nil {
			return cost{}, errNoPeer
		}
		c := exec.CommandContext(ctx, python, "-", strconv.Itoa(subnets), "1")
		c.Stdin = strings.NewReader(mininetStar)
		var out, errs bytes.Buffer
		c.Stdout, c.Stderr = &out, &errs
		if err := c.Run(); err != nil {
			return cost{}, fmt.Errorf("mininet: %w: %s", err, errs.String())
		}
		return readMininet(out.Bytes())
	}
}

// readMininet reads what the script prints. A network in which no packet
// arrives is no network.
func readMininet(line []byte) (cost, error) {
	var took struct {
		Up, Down float64 // seconds
		Reached  bool
	}
	if err := json.Unmarshal(line, &took); err != nil {
		return cost{}, fmt.Errorf("mininet: %w", err)
	}
	if !took.Reached {
		return cost{}, errors.New("mininet: the first host does not reach the last")
	}
	return cost{seconds(took.Up), seconds(took.Down)}, nil
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/fourtuple/fourtuple/internal/agent"
	"github.com/fourtuple/fourtuple/internal/run"
	"github.com/fourtuple/fourtuple/internal/topology"
)

const (
	// containerRun is where a container finds the run folder.
	containerRun = "/runs/compose"
	// linksWithin bounds how long a container waits for its interfaces: some
	// engines connect networks after the start.
	linksWithin = 10 * time.Second
	// afterConductor is how much longer than the conductor a host stays.
	afterConductor = 300 * time.Millisecond
)

func hostCommand() *cobra.Command {
	var folder string
	c := &cobra.Command{
		Use:   "host [-- PROGRAM [ARG ...]]",
		Short: "Be the agent of a host: the first process of its container",
		Long: `Be the agent of a host: the first process of its container.

Which host it is, the agent finds by its addresses in the run folder's lab.yml,
and there too are its routes. The program given here replaces the lab's.`,
		RunE: func(c *cobra.Command, args []string) error {
			return beHost(c.Context(), folder, args, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	c.Flags().StringVar(&folder, "run", containerRun, "the run folder, shared with the conductor")
	return c
}

func beHost(ctx context.Context, folder string, program []string, stdout, stderr io.Writer) (err error) {
	score, err := run.Await(ctx, folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, score.Close()) }()
	lab, err := topology.Parse("lab.yml", score.Lab, nil)
	if err != nil {
		return err
	}
	which, err := agent.Recognize(ctx, lab, linksWithin)
	if err != nil {
		return err
	}
	self := *which
	if len(program) > 0 {
		self.Program = program
	}
	agent, err := agent.New(agent.Config{
		Host: self, Lab: score.Lab, Folder: folder, Place: agent.Here{}, Routes: true,
		Poll: pollSockets, Claim: run.Claim, Output: stdout,
	})
	if err != nil {
		return err
	}
	if err := score.Follow(ctx, self.Name, agent); err != nil {
		return fmt.Errorf("%s: %w", self.Name, err)
	}
	return score.Ended(ctx, afterConductor)
}

// pollSockets is how often a host's socket table is looked at while programs
// run.
const pollSockets = 50 * time.Millisecond

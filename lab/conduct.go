package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/fourtuple/fourtuple/internal/claim"
	"github.com/fourtuple/fourtuple/internal/engine/docker"
	"github.com/fourtuple/fourtuple/internal/run"
	"github.com/fourtuple/fourtuple/internal/topology"
)

func conductCommand() *cobra.Command {
	var hold bool
	c := &cobra.Command{
		Use:   "conduct LAB RUN",
		Short: "Conduct the hosts of a lab over the run folder, then judge: the judge's container",
		Long: `Conduct the hosts of a lab over the run folder, then judge: the judge's container.

With - for LAB the docker engine leads: see the documentation of lab/docker.`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			if args[0] == docker.LedByInput {
				return docker.Conduct(c.Context(), args[1], hold, c.InOrStdin(), c.OutOrStdout())
			}
			return conductLab(c.Context(), args[0], args[1], hold, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	c.Flags().BoolVar(&hold, "hold", false, "leave the lab up until SIGINT or SIGTERM")
	return c
}

// conductLab leads hosts that are elsewhere. A host that dies is told of and
// costs its evidence; there is a verdict all the same.
func conductLab(ctx context.Context, file, folder string, hold bool, stdout, stderr io.Writer) (err error) {
	lab, err := topology.Load(file, os.Environ())
	if err != nil {
		return err
	}
	if err := claim.Check(lab); err != nil {
		return err
	}
	baton, err := run.Take(folder, lab.Source)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, baton.Drop()) }()
	hosts := make(map[string]run.Host, len(lab.Hosts))
	for _, h := range lab.Hosts {
		hosts[h.Name] = baton.Remotely(h.Name)
	}
	limited, cancel := context.WithTimeout(ctx, lab.Limit)
	defer cancel()
	o := run.Options{Lost: func(err error) { fmt.Fprintf(stderr, "lab: %v\n", err) }}
	if hold {
		o.Hold = func(context.Context) { <-ctx.Done() }
	}
	cannot := run.Run(limited, lab, hosts, o)
	judged := judgeFolder(lab, folder, false, stdout)
	if cannot != nil {
		return cannot
	}
	return judged
}

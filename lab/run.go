package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/fourtuple/fourtuple/internal/claim"
	"github.com/fourtuple/fourtuple/internal/run"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// A request is what `lab run` was asked for.
type request struct {
	lab     string
	engine  string
	out     string
	json    bool
	hold    bool
	clients int
}

func runCommand() *cobra.Command {
	var r request
	c := &cobra.Command{
		Use:   "run [LAB]",
		Short: "Run a lab and print its verdict",
		Long: `Run a lab and print its verdict.

LAB is a Compose file, a folder with one, or the name of a folder in labs/;
without it, ./docker-compose.yml. The run is kept as a folder of evidence.

Exit status: 0 the claims hold, 1 one is refuted, 2 the lab could not run,
3 a claim is not shown.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			r.lab = defaultLab
			if len(args) > 0 {
				r.lab = args[0]
			}
			return r.run(c.Context(), c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	flags := c.Flags()
	flags.StringVar(&r.engine, "engine", "", "netns or docker (default: netns where Linux allows it, else docker)")
	flags.StringVar(&r.out, "out", "", "keep the run in this folder (default: runs/NAME-TIME)")
	flags.BoolVar(&r.json, "json", false, "print the verdict as one JSON object, and nothing else on stdout")
	flags.BoolVar(&r.hold, "hold", false, "leave the lab up until Ctrl-C")
	flags.IntVar(&r.clients, "clients", 0, "run the lab with this many clients, each on a subnet of its own")
	return c
}

func (r request) run(ctx context.Context, stdout, stderr io.Writer) error {
	lab, err := r.load()
	if err != nil {
		return err
	}
	if r.engine == "" {
		r.engine = defaultEngine()
	}
	if ran, err := elsewhere(r.engine); ran {
		return err
	}
	bar := newProgress(stderr, len(lab.Hosts))
	defer bar.close()
	engine, err := chooseEngine(r.engine, bar.at, stderr)
	if err != nil {
		return err
	}
	folder, err := r.folder(lab)
	if err != nil {
		return err
	}
	interrupted, err := r.conduct(ctx, engine, lab, folder, bar.at, stderr)
	bar.close()
	if err != nil {
		return err
	}
	if interrupted {
		return fmt.Errorf("interrupted; what was seen until then is in %s", folder)
	}
	if !r.json {
		defer fmt.Fprintf(stderr, "the run is kept in %s; its page is %s\n", folder, filepath.Join(folder, "report.html"))
	}
	return judgeFolder(lab, folder, r.json, stdout)
}

// load reads the lab, widens it if asked, and checks its claims.
func (r request) load() (*topology.Lab, error) {
	file := r.lab
	if named := filepath.Join(labsFolder, file); !exists(file) && exists(named) {
		file = named
	}
	lab, err := topology.Load(file, os.Environ())
	if err != nil {
		return nil, err
	}
	if r.clients != 0 {
		if lab, err = topology.Widen(lab, r.clients); err != nil {
			return nil, fmt.Errorf("--clients %d: %w", r.clients, err)
		}
	}
	return lab, claim.Check(lab)
}

// folder makes the folder that the run will be kept in.
func (r request) folder(lab *topology.Lab) (string, error) {
	folder := r.out
	if folder == "" {
		folder = filepath.Join("runs", lab.Name+"-"+time.Now().Format("20060102-150405.000"))
	}
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return "", fmt.Errorf("--out: %w", err)
	}
	return folder, run.MakeFolder(folder)
}

// conduct runs the lab within its limit; in containers the conductor keeps it,
// from when all of them run. The user's Ctrl-C ends a hold, and before that the
// run.
func (r request) conduct(ctx context.Context, e engine, lab *topology.Lab, folder string, progress func(string, int, int), stderr io.Writer) (interrupted bool, err error) {
	limited, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	if r.engine == engineNetns {
		defer time.AfterFunc(lab.Limit, cancel).Stop()
	}
	var held atomic.Bool
	stop := context.AfterFunc(ctx, func() {
		if !held.Load() {
			cancel()
		}
	})
	defer stop()
	o := run.Options{Progress: progress, Lost: func(err error) { fmt.Fprintf(stderr, "lab: %v\n", err) }}
	if r.hold {
		o.Hold = func(context.Context) {
			held.Store(true)
			fmt.Fprintln(stderr, "the lab is up; press Ctrl-C to end it")
			<-ctx.Done()
		}
	}
	err = e.Run(limited, lab, folder, o)
	return !held.Load() && errors.Is(ctx.Err(), context.Canceled), err
}

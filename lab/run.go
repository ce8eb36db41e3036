package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"sync/atomic"

	"github.com/spf13/cobra"

	"github.com/fourtuple/fourtuple"
	"github.com/fourtuple/fourtuple/internal/engine/netns"
)

// A request is what `lab run` was asked for.
type request struct {
	lab     string
	all     bool
	control bool
	engine  string
	out     string
	json    bool
	hold    bool
	clients int
	lang    language
}

func runCommand() *cobra.Command {
	r := request{lab: defaultLab}
	c := &cobra.Command{
		Use:   "run [LAB]",
		Short: "Run a lab, or all of them, and print what came out",
		Long: `Run a lab and print its verdict.

LAB is a Compose file, a folder with one, or the name of a folder in labs/;
without it, ./docker-compose.yml. The run is kept as a folder of evidence. Printed
are the question, the steps and what they answered, the tables that the claims look
at, each claim with its reason, and the explanation.

With --all the labs of labs/ are run in learning order, two at a time where each has
network stacks of its own. Each run is kept in runs/LAB (of a control in
runs/controls/LAB), and a page beside them, index.html, links theirs.

Exit status: 0 the lab came out as it expects, 1 a claim came out the other
way, 2 the lab could not run, 3 a claim is not shown; of --all the first of these
that is not 0.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if r.all {
				if err := checkAll(c, args); err != nil {
					return err
				}
				return r.privileged(func() error { return r.runAll(c.Context(), c.OutOrStdout(), c.ErrOrStderr()) })
			}
			if len(args) > 0 {
				r.lab = args[0]
			}
			read := load
			if r.control {
				read = loadControl
			}
			lab, err := read(r.lab)
			if err == nil && c.Flags().Changed("clients") {
				if lab, err = lab.ScaleClients(r.clients); err != nil {
					err = fmt.Errorf("--clients %d: %w", r.clients, err)
				}
			}
			if err != nil {
				return err
			}
			return r.privileged(func() error { return r.run(c.Context(), lab, c.OutOrStdout(), c.ErrOrStderr()) })
		},
	}
	flags := c.Flags()
	flags.BoolVar(&r.all, "all", false, "run all labs of labs/, and make a table and a page of what came out")
	flags.BoolVar(&r.control, "control", false, "run it with the control.yaml beside its file, the change under which it must come out otherwise")
	flags.StringVar(&r.engine, "engine", "", "netns or docker (default: netns where Linux allows it, else docker)")
	flags.StringVar(&r.out, "out", "", "keep the run in this folder (default: runs/NAME-TIME); the runs of --all each in a folder of it (default: runs)")
	flags.BoolVar(&r.json, "json", false, "print the verdict as one JSON object, with --all an array of them, and nothing else on stdout")
	flags.BoolVar(&r.hold, "hold", false, "leave the lab up until Ctrl-C")
	r.lang.addTo(c)
	flags.IntVar(&r.clients, "clients", 0, "run the lab with this many clients, each on a subnet of its own")
	return c
}

// privileged runs labs, on the engine that is the default if none was named.
func (r *request) privileged(run func() error) error {
	if r.engine == "" {
		r.engine = fourtuple.DefaultEngine()
	}
	if r.engine == fourtuple.Netns && !netns.Privileged() {
		// An ordinary user's lab runs in a user namespace, by this command once more.
		exit, err := netns.Rootless()
		if err == nil && exit != 0 {
			err = status(exit)
		}
		return err
	}
	return run()
}

func (r request) run(ctx context.Context, lab *fourtuple.Lab, stdout, stderr io.Writer) error {
	bar := newProgress(stderr, len(lab.Hosts))
	defer bar.close()
	seen, err := r.watch(ctx, lab, bar, stderr)
	bar.close()
	if seen == nil {
		return err
	}
	if err != nil {
		return fmt.Errorf("interrupted; what was seen until then is in %s", seen.Folder)
	}
	verdict := fourtuple.Judge(seen)
	outcome := printVerdict(stdout, seen, verdict, r.json, r.lang)
	seen.Language = r.lang.Language
	// A full disk costs the page and not the verdict.
	if err := seen.Save(verdict); err != nil {
		complain(stderr, fmt.Errorf("the verdict stands, but it could not be kept: %w", err))
	} else if !r.json {
		fmt.Fprintf(stderr, "the run is kept in %s; its page is %s\n", seen.Folder, filepath.Join(seen.Folder, "report.html"))
	}
	return outcome
}

// watch runs the lab. The user's Ctrl-C ends a hold, and before that the run.
func (r request) watch(ctx context.Context, lab *fourtuple.Lab, bar *progress, stderr io.Writer) (*fourtuple.Evidence, error) {
	running, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	var holding atomic.Bool
	stop := context.AfterFunc(ctx, func() {
		if !holding.Load() {
			cancel(context.Canceled)
		}
	})
	defer stop()
	o := fourtuple.Options{
		Engine: r.engine, Folder: r.out, Progress: bar.at,
		OnHostError: func(err error) {
			bar.clear()
			complain(stderr, err)
		},
	}
	if r.hold {
		o.Pause = func(running context.Context, enter map[string]string) {
			holding.Store(true)
			bar.clear()
			for _, host := range slices.Sorted(maps.Keys(enter)) {
				fmt.Fprintf(stderr, "%s: %s\n", host, enter[host])
			}
			fmt.Fprintln(stderr, "the lab is up; press Ctrl-C to end it")
			<-ctx.Done()
		}
	}
	return fourtuple.Run(running, lab, o)
}

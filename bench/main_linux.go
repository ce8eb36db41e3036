// Command bench measures what a lab costs, beside a peer that does the same on
// the same machine in the same run, and prints a table.
//
//	go run ./bench [-runs N]
//
// It takes root, Mininet and ping (Debian's packages mininet and iputils-ping)
// for the peer's rows, and Docker with Compose and the images of
// `go run ./lab images` for the rows about containers. What is not there is
// said in the table. README.md says what the figures mean.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// run is the command with everything that it touches given to it. It returns
// 2 if something of ours could not be measured, which the table says.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	runs := flags.Int("runs", 5, "measure each figure this often and print the `median`")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	folder, err := os.MkdirTemp("", "fourtuple-bench-")
	if err == nil {
		defer os.RemoveAll(folder)
		_, err = output(exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(folder, "lab"), "./lab"))
	}
	if err != nil {
		fmt.Fprintf(stderr, "bench: %v\n", err)
		return 2
	}
	status := 0
	all := rows(folder)
	for i := range all {
		fmt.Fprintf(stderr, "%s ...\n", all[i].name)
		all[i].measure(ctx, *runs)
		if all[i].sides[0].missing != nil {
			status = 2
		}
	}
	write(stdout, all)
	return status
}

// rows are all that is measured, from the quickest on. Mininet takes minutes for
// 1,000 subnets, and its time grows faster than ours.
func rows(folder string) []row {
	return []row{
		wiring(3, true),
		{name: "the first lab, start to verdict to clean", sides: []side{
			{who: "lab", do: runLab(folder, "netns")},
			// Its network is a router and four subnets.
			{who: "Mininet, wiring and unwiring alone", do: wireMininet(4)},
		}},
		{name: "the same in Docker", sides: []side{
			{who: "lab", do: runLab(folder, "docker")},
			{who: "Compose, up -d alone", do: composeUp},
		}},
		wiring(100, true),
		wiring(1000, false),
	}
}

// wiring is making a network of so many subnets real and taking it down again.
func wiring(subnets int, peer bool) row {
	r := row{name: fmt.Sprintf("wire and unwire %d subnets", subnets), subnets: subnets}
	r.sides = []side{{who: "lab", do: wireOurs(subnets)}}
	if peer {
		r.sides = append(r.sides, side{who: "Mininet", do: wireMininet(subnets)})
	}
	return r
}

// A row is one thing to measure, and who does it: we, and a peer.
type row struct {
	name    string
	sides   []side
	subnets int // what is divided by; 0: nothing
}

// A side is one who does what a row is about.
type side struct {
	who string
	// do does it once and says how long its parts took.
	do func(context.Context) (cost, error)
	// cost is the median of the runs; missing is why there is none.
	costs   []cost
	cost    cost
	missing error
}

// A cost is how long something took to be there and to be gone.
type cost struct{ up, down time.Duration }

func (c cost) sum() time.Duration { return c.up + c.down }

// measure has the sides take turns, so that whatever else the machine does
// meets both, and keeps the run with the median sum.
func (r *row) measure(ctx context.Context, runs int) {
	for range runs {
		for i := range r.sides {
			s := &r.sides[i]
			if s.missing != nil {
				continue
			}
			var c cost
			if c, s.missing = s.do(ctx); s.missing == nil {
				s.costs = append(s.costs, c)
				slices.SortFunc(s.costs, func(a, b cost) int { return cmp.Compare(a.sum(), b.sum()) })
				s.cost = s.costs[len(s.costs)/2]
			}
		}
	}
}

// write prints the rows as a table.
func write(w io.Writer, rows []row) {
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	defer t.Flush()
	fmt.Fprintln(t, "what\twho\tup\tdown\tsum\tup a subnet\ttimes ours")
	for _, r := range rows {
		for i, s := range r.sides {
			name, each, times := r.name, "-", "-"
			if i > 0 {
				name = ""
			}
			if s.missing != nil {
				fmt.Fprintf(t, "%s\t%s\tnot measured: %v\n", name, s.who, s.missing)
				continue
			}
			if ours := r.sides[0]; ours.missing == nil {
				times = fmt.Sprintf("%.1f", float64(s.cost.sum())/float64(ours.cost.sum()))
			}
			if r.subnets > 0 {
				each = milliseconds(s.cost.up / time.Duration(r.subnets))
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", name, s.who,
				milliseconds(s.cost.up), milliseconds(s.cost.down), milliseconds(s.cost.sum()), each, times)
		}
	}
}

func milliseconds(d time.Duration) string { return fmt.Sprintf("%.1f ms", d.Seconds()*1000) }

package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// write prints the results as a table, and how the cost of a subnet grows.
func write(w io.Writer, results []result) error {
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(t, "what\twho\tup\tdown\tsum\tup a subnet\ttimes ours")
	for _, r := range results {
		if r.err != nil {
			fmt.Fprintf(t, "%s\tnot measured\n", r.name)
			continue
		}
		fmt.Fprintf(t, "%s\tlab\t%s\n", r.name, r.cells(r.ours))
		if r.peer != (cost{}) {
			fmt.Fprintf(t, "\t%s\t%s\n", r.peerName, r.cells(r.peer))
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return growth(w, results)
}

// growth compares what a subnet costs among 1,000 and among 100.
func growth(w io.Writer, results []result) error {
	up, sum := make(map[int]float64), make(map[int]float64)
	for _, r := range results {
		if r.subnets > 0 && r.err == nil {
			up[r.subnets] = r.ours.up.Seconds() / float64(r.subnets)
			sum[r.subnets] = r.ours.sum().Seconds() / float64(r.subnets)
		}
	}
	if up[100] == 0 || up[1000] == 0 {
		return nil
	}
	_, err := fmt.Fprintf(w, "\nA subnet among 1,000 takes %.2f times as long to wire as one among 100, "+
		"and %.2f times as long in all.\n", up[1000]/up[100], sum[1000]/sum[100])
	return err
}

// cells are one side's figures.
func (r result) cells(c cost) string {
	each := "-"
	if r.subnets > 0 {
		each = ms(c.up / time.Duration(r.subnets))
	}
	return fmt.Sprintf("%s\t%s\t%s\t%s\t%.1f", ms(c.up), ms(c.down), ms(c.sum()), each,
		float64(c.sum())/float64(r.ours.sum()))
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", d.Seconds()*1000) }

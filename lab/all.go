package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/fourtuple/fourtuple"
	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/report"
)

// indexFile links the pages of the runs beside it.
const indexFile = "index.html"

// atOnce is how many labs run at a time. Most of a run is waiting; on Docker,
// which has one set of addresses for all, their subnets would overlap.
var atOnce = map[string]int{fourtuple.Netns: 2, fourtuple.Docker: 1}

// checkAll refuses what makes no sense where all labs are run.
func checkAll(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("--all runs every lab of %s: leave %q or --all out", labsFolder, args[0])
	}
	for _, name := range []string{"hold", "clients"} {
		if c.Flags().Changed(name) {
			return fmt.Errorf("--%s is for one lab: leave it or --all out", name)
		}
	}
	return nil
}

// runAll runs all labs of labs/, none of which stops the others. Its error is
// the exit status: that of the worst.
func (r request) runAll(ctx context.Context, stdout, stderr io.Writer) error {
	c, err := readCourse(labsFolder)
	if err != nil {
		return err
	}
	var names []string
	for _, g := range c.Groups {
		names = append(names, g.Labs...)
	}
	if len(names) == 0 {
		return fmt.Errorf("no lab here: no folder in %s has one; change to fourtuple's folder", labsFolder)
	}
	if atOnce[r.engine] == 0 {
		return fmt.Errorf("--all: there is no engine %q; use %s or %s", r.engine, fourtuple.Netns, fourtuple.Docker)
	}
	if r.out == "" {
		r.out = "runs"
		if r.control {
			r.out = filepath.Join("runs", "controls")
		}
	}
	results := r.runEach(ctx, names, stderr)
	if r.json {
		err = printJSON(stdout, results)
	} else {
		err = report.Results(stdout, results, styleFor(stdout, r.lang))
	}
	if err != nil {
		return err
	}
	// A full disk costs the page and not the verdicts.
	if err := r.saveIndex(results); err != nil {
		complain(stderr, fmt.Errorf("the verdicts stand, but their page could not be kept: %w", err))
	} else if !r.json {
		fmt.Fprintf(stderr, "the runs are kept in %s; their page is %s\n", r.out, filepath.Join(r.out, indexFile))
	}
	if ctx.Err() != nil {
		return errors.New("interrupted; not all labs were run to their end")
	}
	return worst(results)
}

// runEach runs the labs and tells of each as it ends. Of an interrupted run
// there are the results of those that were started.
func (r request) runEach(ctx context.Context, names []string, stderr io.Writer) []report.Result {
	var mu sync.Mutex // of stderr
	results := make([]report.Result, len(names))
	started := 0
	next := make(chan int)
	var workers sync.WaitGroup
	for range atOnce[r.engine] {
		workers.Go(func() {
			for i := range next {
				results[i] = r.runOne(ctx, names[i], func(err error) {
					mu.Lock()
					defer mu.Unlock()
					complain(stderr, fmt.Errorf("%s: %w", names[i], err))
				})
				mu.Lock()
				fmt.Fprintln(stderr, results[i].Line(styleFor(stderr, r.lang)))
				mu.Unlock()
			}
		})
	}
	for started < len(names) && ctx.Err() == nil {
		select {
		case next <- started:
			started++
		case <-ctx.Done():
		}
	}
	close(next)
	workers.Wait()
	return results[:started]
}

// runOne runs a lab, judges it and keeps the run.
func (r request) runOne(ctx context.Context, name string, warn func(error)) report.Result {
	begin := time.Now()
	result := report.Result{Lab: name}
	read := load
	if r.control {
		read = loadControl
	}
	lab, err := read(filepath.Join(labsFolder, name))
	if err == nil {
		result.Question = lab.Question
		result.Verdict, err = r.judged(ctx, lab, filepath.Join(r.out, name), warn)
	}
	result.Err, result.Took = err, time.Since(begin)
	return result
}

func (r request) judged(ctx context.Context, lab *fourtuple.Lab, folder string, warn func(error)) (fourtuple.Verdict, error) {
	seen, err := fourtuple.Run(ctx, lab, fourtuple.Options{Engine: r.engine, Folder: folder, OnHostError: warn})
	if seen != nil && err != nil {
		err = errors.New("interrupted")
	}
	if err != nil {
		return fourtuple.Verdict{}, err
	}
	verdict := fourtuple.Judge(seen)
	seen.Language = r.lang.Language
	if err := seen.Save(verdict); err != nil {
		warn(fmt.Errorf("the verdict stands, but it could not be kept: %w", err))
	}
	return verdict, nil
}

func (r request) saveIndex(results []report.Result) error {
	var page bytes.Buffer
	if err := report.Index(&page, results, r.lang.Language); err != nil {
		return err
	}
	return evidence.WriteFile(r.out, indexFile, page.Bytes())
}

// printJSON prints the verdicts that there are as one JSON array.
func printJSON(w io.Writer, results []report.Result) error {
	var text bytes.Buffer
	separator := "["
	for _, result := range results {
		if result.Err != nil {
			continue
		}
		text.WriteString(separator)
		if err := report.JSON(&text, result.Verdict); err != nil {
			return err
		}
		separator = ","
	}
	if separator == "[" {
		text.WriteString("[")
	}
	text.WriteString("]\n")
	_, err := w.Write(text.Bytes())
	return err
}

// worst is the exit status of several labs: that a claim came out the other way
// weighs more than that a lab could not run, and this more than that a claim is
// not shown.
func worst(results []report.Result) error {
	have := make(map[int]bool)
	for _, result := range results {
		switch {
		case result.Err != nil:
			have[statusCannot] = true
		case result.Verdict.Outcome == fourtuple.NotAsExpected:
			have[statusOtherwise] = true
		case result.Verdict.Outcome != fourtuple.AsExpected:
			have[statusNotShown] = true
		}
	}
	for _, s := range []int{statusOtherwise, statusCannot, statusNotShown} {
		if have[s] {
			return status(s)
		}
	}
	return nil
}

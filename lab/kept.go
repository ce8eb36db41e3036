package main

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"github.com/fourtuple/fourtuple/lab/evidence"
	"github.com/fourtuple/fourtuple/lab/report"
	"github.com/fourtuple/fourtuple/lab/topology"
	"github.com/fourtuple/fourtuple/lab/verdict"
)

// A kept is a run that was read from its folder, and judged.
type kept struct {
	folder  string
	lab     *topology.Lab
	run     *evidence.Run
	verdict verdict.Verdict
}

// readRun reads and judges a run folder.
func readRun(folder string) (*kept, error) {
	run, err := evidence.Load(os.DirFS(folder))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", folder, err)
	}
	lab, err := topology.Parse(evidence.LabFile, run.Lab, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", folder, err)
	}
	if err := verdict.Check(lab); err != nil {
		return nil, fmt.Errorf("%s: %w", folder, err)
	}
	return &kept{folder, lab, run, verdict.Judge(lab, run)}, nil
}

// judgeFolder judges a run that has just ended, leaves its verdict and its
// report in the folder, and prints the verdict.
func judgeFolder(folder string, asJSON bool, stdout io.Writer) error {
	k, err := readRun(folder)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := report.JSON(&text, k.verdict); err != nil {
		return err
	}
	if err := evidence.WriteFile(folder, evidence.VerdictFile, text.Bytes()); err != nil {
		return err
	}
	if err := k.writePage(); err != nil {
		return err
	}
	return k.print(asJSON, stdout)
}

// writePage writes the run's report.html.
func (k *kept) writePage() error {
	var page bytes.Buffer
	if err := report.HTML(&page, report.Page{Lab: k.lab, Run: k.run, Verdict: k.verdict}); err != nil {
		return err
	}
	return evidence.WriteFile(k.folder, evidence.ReportFile, page.Bytes())
}

// print prints the verdict; its error is the exit status.
func (k *kept) print(asJSON bool, stdout io.Writer) error {
	show := func() error { return report.Text(stdout, k.lab.Question, k.verdict, styleFor(stdout)) }
	if asJSON {
		show = func() error { return report.JSON(stdout, k.verdict) }
	}
	if err := show(); err != nil {
		return err
	}
	switch k.verdict.Outcome {
	case verdict.Holds:
		return nil
	case verdict.Refuted:
		return status(statusRefuted)
	default:
		return status(statusNotShown)
	}
}

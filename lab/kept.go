package main

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"github.com/fourtuple/fourtuple/internal/claim"
	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/report"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// A kept is a run that was read from its folder, and judged.
type kept struct {
	folder  string
	lab     *topology.Lab
	run     *evidence.Run
	verdict claim.Verdict
}

// readRun reads and judges a run folder.
func readRun(folder string) (*kept, error) { return readRunOf(nil, folder) }

// readRunOf is readRun where the lab may be known already, which saves reading
// it once more.
func readRunOf(known *topology.Lab, folder string) (*kept, error) {
	run, err := evidence.Load(os.DirFS(folder))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", folder, err)
	}
	lab := known
	if lab == nil || !bytes.Equal(lab.Source, run.Lab) {
		if lab, err = topology.Parse(evidence.LabFile, run.Lab, nil); err != nil {
			return nil, fmt.Errorf("%s: %w", folder, err)
		}
	}
	if err := claim.Check(lab); err != nil {
		return nil, fmt.Errorf("%s: %w", folder, err)
	}
	return &kept{folder, lab, run, claim.Judge(lab, run)}, nil
}

// judgeFolder judges a run of the lab that has just ended, leaves its verdict and its
// report in the folder, and prints the verdict.
func judgeFolder(lab *topology.Lab, folder string, asJSON bool, stdout io.Writer) error {
	k, err := readRunOf(lab, folder)
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
	case claim.Holds:
		return nil
	case claim.Refuted:
		return status(statusRefuted)
	default:
		return status(statusNotShown)
	}
}

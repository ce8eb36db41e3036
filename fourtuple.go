// Package fourtuple shows, on real hosts and with evidence that anyone can
// check, how TCP tells sockets apart.
//
// A lab is a Compose file with an x-lab block: hosts on subnets of their own,
// the programs that run on them, and what is claimed of their sockets. Load
// reads one. Run makes its hosts real, by an engine, watches every one of them
// with independent witnesses while the lab's steps are walked, and keeps what
// they saw in a folder. Open reads such a folder again, on any machine. Judge
// says which of the lab's claims hold, are refuted, or are not shown, and whether
// that is what the lab expects.
//
//	lab, err := fourtuple.Load("docker-compose.yml")
//	...
//	seen, err := fourtuple.Run(ctx, lab, fourtuple.Options{Folder: "runs/first"})
//	...
//	verdict := fourtuple.Judge(seen)
//	fmt.Println(verdict.Outcome) // as expected
//
// The engine netns starts this program again as a helper for the programs of a
// lab. A program that runs labs by it calls Helper first in its main, and a
// test in its TestMain:
//
//	if status, ok := fourtuple.Helper(); ok {
//		os.Exit(status)
//	}
package fourtuple

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/fourtuple/fourtuple/internal/claim"
	"github.com/fourtuple/fourtuple/internal/compose"
	"github.com/fourtuple/fourtuple/internal/engine/docker"
	"github.com/fourtuple/fourtuple/internal/engine/netns"
	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/report"
	"github.com/fourtuple/fourtuple/internal/run"
	"github.com/fourtuple/fourtuple/internal/table"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// A Lab is one experiment, as it was read from its file.
type Lab struct {
	topology.Lab
	// Source is the Compose file, byte for byte; where files were put over it,
	// each follows as a YAML document below a comment that names it.
	Source []byte
}

// Load reads a lab. The path is a Compose file's, or that of the folder that it
// is in; overrides are files that are put over it, as by Compose's -f, for
// instance a control.yaml. Variables are replaced by this process's environment
// and by a file .env in the same folder, as Compose does. An error joins
// everything that is wrong with the files, each with line, column and what to do
// about it.
func Load(path string, overrides ...string) (*Lab, error) {
	lab, source, err := compose.Load(path, overrides, os.Environ(), compose.Checked(claim.Check))
	if err != nil {
		return nil, err
	}
	return &Lab{Lab: *lab, Source: source}, nil
}

// ScaleClients is the lab with n clients, each like its first one, and each on
// a subnet of its own.
func (l *Lab) ScaleClients(n int) (*Lab, error) {
	scaled, err := topology.ScaleClients(&l.Lab, n)
	if err != nil {
		return nil, err
	}
	// A claim may be about a host that is gone.
	for _, fault := range claim.Check(scaled) {
		return nil, fmt.Errorf("scale %s to %d clients: x-lab.%s: %s", l.Name, n, strings.Join(fault.Key, "."), fault.Reason)
	}
	return &Lab{Lab: *scaled, Source: l.Source}, nil
}

// The engines that make hosts real.
const (
	// Netns: Linux network namespaces, without a daemon.
	Netns = "netns"
	// Docker: containers of a Docker engine, here or elsewhere.
	Docker = "docker"
	// Compose: containers that Compose starts; this process is the judge's.
	Compose = "compose"
)

// DefaultEngine is Netns where this system allows it, else Docker.
func DefaultEngine() string {
	if netns.Privileged() || netns.Supported() == nil {
		return Netns
	}
	return Docker
}

// Helper does what the engine netns started this process for, and returns its
// exit status; false if it was started by anybody else.
func Helper() (status int, ok bool) {
	if !netns.IsHelper() {
		return 0, false
	}
	return netns.Helper(), true
}

// Options are how a lab is run.
type Options struct {
	// Engine is Netns, Docker or Compose; empty means DefaultEngine.
	Engine string
	// Folder is where the run is kept; empty means runs/NAME-TIME. It is
	// made, and removed again if the lab could not run.
	Folder string
	// Pause, if set, is called when the lab's last snapshot is taken, with the
	// command by which a person enters each host; the lab stays up until it
	// returns.
	Pause func(ctx context.Context, enter map[string]string)
	// Progress, if set, is told how many of all hosts have done a step.
	Progress func(step string, done, total int)
	// OnHostError, if set, is told what goes wrong with a host on the way and
	// does not end the run: the host's evidence will be missed.
	OnHostError func(error)
}

// Evidence is a run that is kept in a folder: what its witnesses saw, joined.
type Evidence struct {
	// Folder is the run's.
	Folder string
	// Language is that of the page that Save and SavePage write; the zero
	// Language is English.
	Language Language
	*evidence.Run
}

// A Language is one that labs, and pages about them, are written in.
type Language = topology.Language

// The languages.
const (
	English = topology.English
	Korean  = topology.Korean
)

// Run runs the lab and reads what it left. When ctx ends, the programs are
// stopped at once and what was seen until then is kept: the error is ctx's, and
// the evidence is there. Every other error means that the lab could not run.
func Run(ctx context.Context, lab *Lab, o Options) (*Evidence, error) {
	engine, err := engineNamed(o.Engine)
	if err != nil {
		return nil, err
	}
	if o.Folder == "" {
		o.Folder = filepath.Join("runs", lab.Name+"-"+time.Now().Format("20060102-150405.000"))
	}
	versions := evidence.Versions{Fourtuple: version()}
	if versions.Engine, err = engine.Version(ctx); err != nil {
		return nil, err
	}
	folder, err := evidence.Create(o.Folder, &lab.Lab, lab.Source, versions)
	if err != nil {
		return nil, err
	}
	setup := run.Setup{ID: folder.ID, LabHash: folder.LabHash, Lab: &lab.Lab, Record: folder.Append}
	setup.Watch = func(step topology.Step) (func([]byte) (bool, error), error) { return table.Watch(&lab.Lab, step) }
	if o.Progress != nil {
		setup.Progress = func(done, total int) { o.Progress("up", done, total) }
	}
	if err := run.Run(ctx, engine, setup, o.forRun()); err != nil {
		return nil, errors.Join(err, folder.Discard())
	}
	if err := folder.Close(); err != nil {
		return nil, err
	}
	seen, err := Open(o.Folder)
	return seen, errors.Join(err, context.Cause(ctx))
}

// version is this program's, as the Go toolchain noted it.
func version() string {
	info, _ := debug.ReadBuildInfo() // without modules there is none
	if info == nil {
		return ""
	}
	return info.Main.Version
}

func (o Options) forRun() run.Options {
	options := run.Options{Progress: o.Progress, OnHostError: o.OnHostError}
	if o.Pause != nil {
		options.Pause = func(ctx context.Context, n *run.Network) { o.Pause(ctx, n.Enter) }
	}
	return options
}

// engines are all engines by name. To add one, implement run.Engine and name it
// here.
var engines = map[string]func() run.Engine{
	Netns:   func() run.Engine { return netns.Engine{} },
	Docker:  func() run.Engine { return docker.Engine{} },
	Compose: func() run.Engine { return run.Listener{} },
}

func engineNamed(name string) (run.Engine, error) {
	if name == "" {
		name = DefaultEngine()
	}
	engine, ok := engines[name]
	if !ok {
		return nil, fmt.Errorf("engine %q: there is no such engine; use %s or %s", name, Netns, Docker)
	}
	return engine(), nil
}

// Open reads the folder of a kept run.
func Open(folder string) (*Evidence, error) {
	run, err := evidence.Load(folder)
	if err != nil {
		return nil, err
	}
	return &Evidence{Folder: folder, Run: run}, nil
}

// A Verdict is what Judge says of a run, claim by claim.
type Verdict = claim.Verdict

// The outcomes of a claim, and of a lab as a whole.
const (
	Holds         = claim.Holds
	Refuted       = claim.Refuted
	NotShown      = claim.NotShown
	AsExpected    = claim.AsExpected
	NotAsExpected = claim.NotAsExpected
)

// Judge judges the claims of the run's lab by the run's evidence alone.
func Judge(e *Evidence) Verdict { return claim.Judge(e.Run) }

// Save writes verdict.json and report.html into the run's folder. It goes on
// where one of them cannot be written, and joins the errors.
func (e *Evidence) Save(v Verdict) error {
	var text bytes.Buffer
	err := report.JSON(&text, v)
	if err == nil {
		err = evidence.WriteFile(e.Folder, evidence.VerdictFile, text.Bytes())
	}
	return errors.Join(err, e.SavePage(v))
}

// SavePage writes report.html, a page about the run, into its folder.
func (e *Evidence) SavePage(v Verdict) error {
	var page bytes.Buffer
	if err := report.HTML(&page, report.Page{Run: e.Run, Verdict: v, Language: e.Language}); err != nil {
		return err
	}
	return evidence.WriteFile(e.Folder, evidence.ReportFile, page.Bytes())
}

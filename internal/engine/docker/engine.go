package docker

import (
	"context"
	"errors"
	"io"
	"path/filepath"

	"github.com/fourtuple/fourtuple/internal/run"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// An Engine runs labs as containers.
type Engine struct {
	// Log gets what went wrong at hosts without keeping the lab from running,
	// a line each; nil for nobody.
	Log io.Writer
}

// Run makes the lab real, conducts it, leaves its evidence in the folder, and
// removes all else that it made. It makes the folder if there is none in the
// one above. When ctx ends, the run ends with what was seen until then.
//
// An error means that the lab could not be run, or that something could not be
// removed.
func (e Engine) Run(ctx context.Context, lab *topology.Lab, folder string, o run.Options) (err error) {
	if folder, err = filepath.Abs(folder); err != nil {
		return err
	}
	cli, err := dialLocal(ctx)
	if err != nil {
		return unfinished(ctx, lab, err)
	}
	defer func() { err = errors.Join(err, cli.Close()) }()
	if err := checkImages(ctx, cli, lab); err != nil {
		return unfinished(ctx, lab, err)
	}
	if err := run.MakeFolder(folder); err != nil {
		return err
	}
	r := &labRun{
		cli: cli, lab: lab, folder: folder, id: newID(), log: e.Log, options: o,
		remains: remains{cli: cli},
	}
	defer func() {
		_, removeErr := r.remains.remove(ctx, r.counted("remove", r.remains.count()))
		err = errors.Join(err, removeErr)
	}()
	return r.run(ctx)
}

package agent

import (
	"context"
	"errors"
	"time"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/witness/capture"
	"github.com/fourtuple/fourtuple/internal/witness/conntrack"
	"github.com/fourtuple/fourtuple/internal/witness/files"
	"github.com/fourtuple/fourtuple/internal/witness/sockets"
)

// witnesses are the witnesses of one host and the files they write.
type witnesses struct {
	interfaces []evidence.Interface
	capture    *capture.Capture
	table      *sockets.Table
	tracked    *conntrack.Table // nil where the host translates nothing

	packetFile, socketFile, openFile, program, trackFile *evidence.Output

	// last is the last dump that was written down.
	last []evidence.Socket
	// interrupted counts dumps in which sockets may be missing.
	interrupted int
}

// openWitnesses opens everything that watches the host, from a thread in its
// network namespace. What it opened it closes again if one does not open.
func openWitnesses(a *Agent, interfaces []evidence.Interface) (_ *witnesses, err error) {
	w := &witnesses{interfaces: interfaces}
	defer func() {
		if err != nil {
			_, closeErr := w.close()
			err = errors.Join(err, closeErr)
		}
	}()
	for _, f := range []struct {
		file **evidence.Output
		of   evidence.Witness
	}{
		{&w.packetFile, evidence.Packets},
		{&w.socketFile, evidence.Sockets},
		{&w.openFile, evidence.Files},
		{&w.program, evidence.Program},
	} {
		if *f.file, err = evidence.Create(a.Folder, a.Host.Name, f.of); err != nil {
			return w, err
		}
	}
	if w.table, err = sockets.Open(); err != nil {
		return w, err
	}
	if len(a.Host.Masquerade) > 0 {
		if err = w.openConntrack(a); err != nil {
			return w, err
		}
	}
	if a.Host.CaptureAfter == 0 {
		w.capture, err = capture.Open(interfaces, w.packetFile, capture.Options{})
	}
	return w, err
}

func (w *witnesses) openConntrack(a *Agent) (err error) {
	if w.trackFile, err = evidence.Create(a.Folder, a.Host.Name, evidence.Conntracked); err != nil {
		return err
	}
	w.tracked, err = conntrack.Open()
	return err
}

// lateCapture opens the capture of a host that was to capture too late.
func (a *Agent) lateCapture(ctx context.Context) error {
	if a.Host.CaptureAfter == 0 || a.witnesses.capture != nil {
		return nil
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(a.Host.CaptureAfter):
	}
	return a.Place.Enter(func() (err error) {
		a.witnesses.capture, err = capture.Open(a.witnesses.interfaces, a.witnesses.packetFile, capture.Options{})
		return err
	})
}

// sockets dumps the socket table. A dump in which sockets may be missing is
// counted, and is as good as any in what it has.
func (w *witnesses) sockets(h evidence.Header, snapshot int) ([]evidence.Socket, error) {
	rows, err := w.table.Dump(h, snapshot)
	if errors.Is(err, sockets.ErrInterrupted) {
		w.interrupted++
		err = nil
	}
	return rows, err
}

// record writes down a dump of the socket table, and with the same number the
// open files of the process and the translations.
func (w *witnesses) record(a *Agent, rows []evidence.Socket, pid int) error {
	err := evidence.Append(w.socketFile, rows...)
	if pid != 0 {
		open, filesErr := files.Tree(a.header(evidence.Files), a.snapshot, pid)
		if errors.Is(filesErr, files.ErrGone) {
			filesErr = nil // a program that has ended has no open files
		}
		err = errors.Join(err, filesErr, evidence.Append(w.openFile, open...))
	}
	if w.tracked != nil {
		entries, trackErr := w.tracked.Dump(a.header(evidence.Conntracked), a.snapshot)
		err = errors.Join(err, trackErr, evidence.Append(w.trackFile, entries...))
	}
	return err
}

// close closes all witnesses and their files, whatever one of them says, and
// returns the files' seals.
func (w *witnesses) close() ([]evidence.Seal, error) {
	var errs []error
	dropped := make(map[evidence.Witness]int)
	if w.capture != nil {
		stats, err := w.capture.Close()
		dropped[evidence.Packets] = stats.Dropped
		errs = append(errs, err)
	}
	if w.table != nil {
		errs = append(errs, w.table.Close())
		dropped[evidence.Sockets] = w.interrupted
	}
	if w.tracked != nil {
		errs = append(errs, w.tracked.Close())
	}
	var seals []evidence.Seal
	for _, file := range []*evidence.Output{w.packetFile, w.socketFile, w.openFile, w.program, w.trackFile} {
		if file == nil {
			continue
		}
		seal, err := file.Close()
		seal.Dropped = dropped[seal.Witness]
		seals, errs = append(seals, seal), append(errs, err)
	}
	return seals, errors.Join(errs...)
}

package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// exitWithin bounds how long hosts may take to end by themselves when the
// conductor has ended. Their evidence is sealed by then.
const exitWithin = 2 * time.Second

// A watch waits for the hosts' ends.
type watch struct {
	run       *labRun
	conductor *conductor
	cancel    context.CancelFunc
	hosts     sync.WaitGroup

	mu     sync.Mutex
	absent error // why a host never appeared
}

// watchHosts logs why a host ended that did so with an error while it was led.
func (r *labRun) watchHosts(ctx context.Context, c *conductor) *watch {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	w := &watch{run: r, conductor: c, cancel: cancel}
	for _, h := range r.lab.Hosts {
		w.hosts.Go(func() { w.host(ctx, h) })
	}
	return w
}

// host waits for one host's end. If it ends without having appeared, the
// conductor would wait for it in vain, and is let go.
func (w *watch) host(ctx context.Context, h topology.Host) {
	ended := w.run.exited(ctx, objectName(w.run.id, h.Name))
	if ended.err != nil || ended.status == 0 || !w.conductor.led() {
		return
	}
	why := fmt.Errorf("%s: its agent ended with status %d%s", h.Name, ended.status, w.run.lastWords(ctx, h))
	if w.run.appeared(h) {
		w.run.logf("%v", why)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.absent = errors.Join(w.absent, why)
	w.conductor.letGo()
}

// end waits until the hosts of a run that was conducted have ended by
// themselves, but not for long. It returns why some never appeared.
func (w *watch) end(conducted bool) error {
	if conducted {
		late := time.AfterFunc(exitWithin, w.cancel)
		defer late.Stop()
	} else {
		w.cancel()
	}
	w.hosts.Wait()
	w.cancel()
	return w.absent
}

// appeared tells whether the host has begun to account for itself.
func (r *labRun) appeared(h topology.Host) bool {
	_, err := os.Stat(filepath.Join(r.folder, evidence.FileName(h.Name, evidence.Agent)))
	return err == nil
}

// lastWords is the end of what a host's agent said on its standard error.
func (r *labRun) lastWords(ctx context.Context, h topology.Host) string {
	logs, err := r.cli.ContainerLogs(ctx, objectName(r.id, h.Name), client.ContainerLogsOptions{ShowStderr: true, Tail: "3"})
	if err != nil {
		return ""
	}
	defer logs.Close()
	var said bytes.Buffer
	_, _ = stdcopy.StdCopy(&said, &said, logs) // what there is, is enough
	text := strings.TrimSpace(said.String())
	if text == "" {
		return ""
	}
	return ": " + strings.TrimPrefix(strings.ReplaceAll(text, "\n", "; "), "lab: ")
}

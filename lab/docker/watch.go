package docker

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"

	"github.com/fourtuple/fourtuple/lab/evidence"
	"github.com/fourtuple/fourtuple/lab/topology"
)

// exitWithin bounds how long hosts may take to end by themselves when the
// conductor has ended. Their evidence is sealed by then.
const exitWithin = 2 * time.Second

// A watch waits for the hosts' ends.
type watch struct {
	cancel context.CancelFunc
	hosts  sync.WaitGroup
}

// watchHosts logs why a host ended that did so with an error while it was led.
// One that ends without having appeared is a host that the conductor would wait
// for in vain: then it is let go.
func (r *run) watchHosts(ctx context.Context, c *conductor) *watch {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	w := &watch{cancel: cancel}
	for _, h := range r.lab.Hosts {
		w.hosts.Go(func() {
			ended := r.exited(ctx, objectName(r.id, h.Name))
			if ended.err != nil || ended.status == 0 || !c.led() {
				return
			}
			r.logf("%s: its agent ended with status %d%s", h.Name, ended.status, r.lastWords(ctx, h))
			if !r.appeared(h) {
				c.letGo()
			}
		})
	}
	return w
}

// end waits for hosts to end by themselves, but not for long.
func (w *watch) end() {
	defer w.hosts.Wait()
	late := time.AfterFunc(exitWithin, w.cancel)
	defer late.Stop()
	w.hosts.Wait()
}

// appeared tells whether the host has begun to account for itself.
func (r *run) appeared(h topology.Host) bool {
	_, err := os.Stat(filepath.Join(r.folder, evidence.FileName(h.Name, evidence.Agent)))
	return err == nil
}

// lastWords is the end of what a host's agent said on its standard error.
func (r *run) lastWords(ctx context.Context, h topology.Host) string {
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

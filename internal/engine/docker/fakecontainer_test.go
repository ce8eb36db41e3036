//go:build unix

package docker

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/stretchr/testify/assert"
)

// A fakeContainer is a container of a fakeEngine.
type fakeContainer struct {
	container.CreateRequest
	name      string
	created   time.Time
	state     container.ContainerState
	endpoints map[string]*network.EndpointSettings
	stream    net.Conn // of whoever is attached
	errs      bytes.Buffer
	kill      context.CancelFunc
	ended     chan struct{} // closed when it has ended
	status    int
}

// folder is the run folder.
func (c *fakeContainer) folder() string { return c.HostConfig.Mounts[0].Source }

// part is the host's name.
func (c *fakeContainer) part() string { return c.Labels[labelPart] }

// frame writes to whoever is attached, as one of the standard streams.
type frame struct {
	c      *fakeContainer
	stream stdcopy.StdType
}

func (f frame) Write(p []byte) (int, error) {
	header := [8]byte{0: byte(f.stream)}
	binary.BigEndian.PutUint32(header[4:], uint32(len(p)))
	if _, err := f.c.stream.Write(append(header[:], p...)); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (f *fakeEngine) createContainer(w http.ResponseWriter, r *http.Request) {
	c := &fakeContainer{
		name: r.URL.Query().Get("name"), created: time.Now(), state: container.StateCreated,
		endpoints: make(map[string]*network.EndpointSettings), ended: make(chan struct{}),
	}
	assert.NoError(f.t, json.NewDecoder(r.Body).Decode(&c.CreateRequest))
	f.mu.Lock()
	defer f.mu.Unlock()
	if c.NetworkingConfig != nil {
		maps.Copy(c.endpoints, c.NetworkingConfig.EndpointsConfig)
	}
	f.made = append(f.made, c)
	f.containers[c.name] = c
	w.WriteHeader(http.StatusCreated)
	answer(w, map[string]string{"Id": c.name})
}

func (f *fakeEngine) connect(w http.ResponseWriter, r *http.Request, to string) {
	var asked network.ConnectRequest
	assert.NoError(f.t, json.NewDecoder(r.Body).Decode(&asked))
	f.mu.Lock()
	defer f.mu.Unlock()
	f.containers[asked.Container].endpoints[to] = asked.EndpointConfig
	answer(w, struct{}{})
}

func (f *fakeEngine) listContainers(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := []container.Summary{}
	for _, c := range f.containers {
		if wanted(r, c.Labels) {
			list = append(list, container.Summary{ID: "0", Names: []string{"/" + c.name}, Labels: c.Labels, State: c.state, Created: c.created.Unix()})
		}
	}
	answer(w, list)
}

// operate does what is done with a container that there is.
func (f *fakeEngine) operate(w http.ResponseWriter, r *http.Request, name, what string) {
	f.mu.Lock()
	c, ok := f.containers[name]
	f.mu.Unlock()
	if !ok {
		answerError(w, http.StatusNotFound, "No such container: %s", name)
		return
	}
	switch what {
	case "attach":
		c.attach(w)
	case "start":
		f.start(c)
		w.WriteHeader(http.StatusNoContent)
	case "wait":
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		select {
		case <-c.ended:
			answer(w, container.WaitResponse{StatusCode: int64(c.status)})
		case <-r.Context().Done():
		}
	case "logs":
		said := c.errs.Bytes()
		header := [8]byte{0: byte(stdcopy.Stderr)}
		binary.BigEndian.PutUint32(header[4:], uint32(len(said)))
		_, _ = w.Write(slices.Concat(header[:], said))
	default:
		assert.Fail(f.t, "unexpected request", "%s %s", r.Method, r.URL)
	}
}

func (c *fakeContainer) attach(w http.ResponseWriter) {
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		return // the answer is to be lost
	}
	conn, _, err := hijacker.Hijack()
	if err != nil {
		return
	}
	c.stream = conn
	fmt.Fprint(conn, "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
}

func (f *fakeEngine) start(c *fakeContainer) {
	ctx, kill := context.WithCancel(context.Background())
	f.mu.Lock()
	c.kill, c.state = kill, container.StateRunning
	f.mu.Unlock()
	do := f.agent
	if c.part() == conductorPart {
		do = f.conductor
	}
	go func() {
		status := do(ctx, c)
		f.mu.Lock()
		defer f.mu.Unlock()
		c.status, c.state = status, container.StateExited
		if c.stream != nil {
			_ = c.stream.Close()
		}
		close(c.ended)
	}()
}

func (f *fakeEngine) removeContainer(w http.ResponseWriter, name string) {
	f.mu.Lock()
	c, ok := f.containers[name]
	f.mu.Unlock()
	if !ok {
		answerError(w, http.StatusNotFound, "No such container: %s", name)
		return
	}
	if c.kill != nil {
		c.kill()
		<-c.ended
	} else if c.stream != nil {
		_ = c.stream.Close()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.containers, name)
	w.WriteHeader(http.StatusNoContent)
}

// lead is the conductor's container.
func lead(ctx context.Context, c *fakeContainer) int {
	hold := slices.Contains(c.Entrypoint, "--hold")
	kill := context.AfterFunc(ctx, func() { _ = c.stream.Close() })
	defer kill()
	if err := Conduct(ctx, c.folder(), hold, c.stream, frame{c, stdcopy.Stdout}); err != nil {
		_, _ = fmt.Fprintf(frame{c, stdcopy.Stderr}, "lab: %v\n", err)
		return 2
	}
	return 0
}

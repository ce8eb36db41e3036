//go:build unix

package docker

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
)

// A fakeEngine answers the part of the API that the package uses. Containers
// are goroutines: the conductor's runs Conduct, a host's answers it.
type fakeEngine struct {
	*httptest.Server
	t      *testing.T
	images []string
	loaded [][]byte // archives of images
	pruned []string // filters
	// unloadable is what loading answers, if set.
	unloadable string
	// fault, if set, says what goes wrong with the n-th request.
	fault func(n int, r *http.Request) fault
	// agent and conductor are what containers do; the result is the exit status.
	agent, conductor func(context.Context, *fakeContainer) int

	mu         sync.Mutex
	requests   int
	made       []*fakeContainer // in the order in which they were made
	containers map[string]*fakeContainer
	networks   map[string]network.Summary
}

// A fault is what goes wrong with a request.
type fault int

const (
	none    fault = iota
	refused       // the engine answers with an error
	unheard       // the engine does it, and its answer is lost
)

// newFake starts an engine with that version of the API, and makes it the one
// that is used.
func newFake(t *testing.T, version string) *fakeEngine {
	t.Helper()
	f := &fakeEngine{
		t: t, images: []string{serverImage, clientImage}, agent: obey, conductor: lead,
		containers: make(map[string]*fakeContainer), networks: make(map[string]network.Summary),
	}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", version)
		w.Header().Set("Ostype", "linux")
		f.serve(w, r)
	}))
	t.Setenv(client.EnvOverrideHost, "tcp://"+f.Listener.Addr().String())
	t.Cleanup(f.Close)
	return f
}

func (f *fakeEngine) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/_ping" {
		return
	}
	f.mu.Lock()
	f.requests++
	n := f.requests
	f.mu.Unlock()
	wrong := none
	if f.fault != nil {
		wrong = f.fault(n, r)
	}
	switch wrong {
	case refused:
		answerError(w, http.StatusInternalServerError, "out of order")
	case unheard:
		f.route(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler) // drops the connection
	default:
		f.route(w, r)
	}
}

func (f *fakeEngine) route(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")[1:] // without the version
	switch what, last := parts[0], parts[len(parts)-1]; {
	case what == "info":
		answer(w, map[string]string{"SystemTime": time.Now().Format(time.RFC3339Nano)})
	case what == "version":
		answer(w, map[string]string{"Arch": "arm64"})
	case what == "images" && last == "load":
		f.loadImage(w, r)
	case what == "images" && last == "prune":
		f.pruned = append(f.pruned, r.URL.Query().Get("filters"))
		answer(w, struct{}{})
	case what == "images" && r.Method == http.MethodGet:
		f.inspectImage(w, strings.Join(parts[1:len(parts)-1], "/"))
	case what == "networks" && len(parts) == 1:
		f.listNetworks(w, r)
	case what == "networks" && last == "create":
		f.createNetwork(w, r)
	case what == "networks" && last == "connect":
		f.connect(w, r, parts[1])
	case what == "networks" && r.Method == http.MethodDelete:
		f.removeNetwork(w, last)
	case what == "containers" && last == "json":
		f.listContainers(w, r)
	case what == "containers" && last == "create":
		f.createContainer(w, r)
	case what == "containers" && r.Method == http.MethodDelete:
		f.removeContainer(w, last)
	case what == "containers":
		f.operate(w, r, parts[1], last)
	default:
		assert.Fail(f.t, "unexpected request", "%s %s", r.Method, r.URL)
	}
}

func answer(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value)
}

func answerError(w http.ResponseWriter, status int, format string, args ...any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": fmt.Sprintf(format, args...)})
}

func (f *fakeEngine) inspectImage(w http.ResponseWriter, name string) {
	if !slices.Contains(f.images, name) {
		answerError(w, http.StatusNotFound, "No such image: %s", name)
		return
	}
	answer(w, map[string]string{"Id": "sha256:0"})
}

func (f *fakeEngine) loadImage(w http.ResponseWriter, r *http.Request) {
	archive, err := io.ReadAll(r.Body)
	assert.NoError(f.t, err)
	f.loaded = append(f.loaded, archive)
	answer(w, map[string]string{"stream": "Loaded image"})
	if f.unloadable != "" {
		answer(w, map[string]string{"error": f.unloadable})
	}
}

func (f *fakeEngine) createNetwork(w http.ResponseWriter, r *http.Request) {
	var asked network.CreateRequest
	assert.NoError(f.t, json.NewDecoder(r.Body).Decode(&asked))
	f.mu.Lock()
	defer f.mu.Unlock()
	subnet := asked.IPAM.Config[0].Subnet
	for _, n := range f.networks {
		if n.IPAM.Config[0].Subnet.Overlaps(subnet) {
			answerError(w, http.StatusForbidden, "Pool overlaps with other one on this address space")
			return
		}
	}
	f.networks[asked.Name] = network.Summary{Network: network.Network{
		Name: asked.Name, Labels: asked.Labels, IPAM: *asked.IPAM, Options: asked.Options, Created: time.Now(),
	}}
	w.WriteHeader(http.StatusCreated)
	answer(w, map[string]string{"Id": asked.Name})
}

func (f *fakeEngine) listNetworks(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := []network.Summary{}
	for _, n := range f.networks {
		if wanted(r, n.Labels) {
			list = append(list, n)
		}
	}
	answer(w, list)
}

// wanted applies a request's filter by labels.
func wanted(r *http.Request, labels map[string]string) bool {
	var filters struct{ Label map[string]bool }
	_ = json.Unmarshal([]byte(r.URL.Query().Get("filters")), &filters)
	for want := range filters.Label {
		name, value, valued := strings.Cut(want, "=")
		if has, ok := labels[name]; !ok || valued && has != value {
			return false
		}
	}
	return true
}

func (f *fakeEngine) removeNetwork(w http.ResponseWriter, name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.networks[name]; !ok {
		answerError(w, http.StatusNotFound, "network %s not found", name)
		return
	}
	for _, c := range f.containers {
		if _, ok := c.endpoints[name]; ok {
			answerError(w, http.StatusForbidden, "network %s has active endpoints", name)
			return
		}
	}
	delete(f.networks, name)
	w.WriteHeader(http.StatusNoContent)
}

// remaining is the names of all that there is.
func (f *fakeEngine) remaining() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append(slices.Sorted(maps.Keys(f.containers)), slices.Sorted(maps.Keys(f.networks))...)
}

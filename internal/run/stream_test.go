package run

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

var server = topology.Host{
	Name: "server", Program: []string{"server", "--json"}, StopGrace: time.Second,
	Links: []topology.Link{{Subnet: "home", Address: netip.MustParsePrefix("10.12.0.10/24")}},
}

// hello is what the agent of server says.
func hello() Hello {
	return Hello{Version: Version, Host: "server", Interfaces: []evidence.Interface{
		{Name: "lo", Addresses: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/8"), netip.MustParsePrefix("::1/128")}},
		{Name: "eth0", Addresses: []netip.Prefix{netip.MustParsePrefix("10.12.0.10/24"), netip.MustParsePrefix("fe80::1/64")}},
	}}
}

// A store is a Recorder that keeps what it takes.
type store struct {
	mu    sync.Mutex
	files map[string]*bytes.Buffer
	fail  error
}

func (s *store) record(host string, w evidence.Witness, records []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.files == nil {
		s.files = make(map[string]*bytes.Buffer)
	}
	name := evidence.FileName(host, w)
	if s.files[name] == nil {
		s.files[name] = &bytes.Buffer{}
	}
	s.files[name].Write(records)
	return s.fail
}

func (s *store) file(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.files[name] == nil {
		return "no file"
	}
	return s.files[name].String()
}

// lost is the coordinator's last line about server.
func (s *store) lost(t *testing.T) string {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(s.file("server.host.jsonl")), "\n")
	var e evidence.HostEvent
	require.NoError(t, json.Unmarshal([]byte(lines[len(lines)-1]), &e), lines)
	assert.Equal(t, evidence.HostLost, e.Event)
	return e.Error
}

// connect leads the host at the other end of stream.
func connect(t *testing.T, stream io.ReadWriteCloser, s *store) *Remote {
	t.Helper()
	r, err := Connect(t.Context(), stream, Setup{ID: "id", LabHash: "hash", Record: s.record}, server,
		func(context.Context) string { return "its container ended with status 137" })
	require.NoError(t, err)
	return r
}

// A led is a fake host that is led over a stream, and both ends of that.
type led struct {
	*fake
	store   *store
	remote  *Remote
	setup   HostSetup
	record  func(evidence.Witness, []byte) error
	stream  net.Conn   // the agent's end
	served  chan error // what Serve returns
	sigterm func()
}

func lead(t *testing.T) *led {
	t.Helper()
	here, there := net.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	l := &led{
		fake:  &fake{name: "server", diary: &diary{}, fails: make(map[topology.Action]error), waits: make(map[topology.Action]bool)},
		store: &store{}, stream: there, served: make(chan error, 1), sigterm: cancel,
	}
	made := make(chan struct{})
	go func() {
		l.served <- Serve(ctx, there, hello(), func(s HostSetup, record func(evidence.Witness, []byte) error) (Host, error) {
			l.setup, l.record = s, record
			close(made)
			return l.fake, nil
		})
	}()
	l.remote = connect(t, here, l.store)
	<-made
	return l
}

func (l *led) do(ctx context.Context, action topology.Action) error {
	return l.remote.Do(ctx, topology.Step{Action: action})
}

// wait waits until the host has noted something.
func (l *led) wait(t *testing.T, line string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(strings.Join(l.diary.all(), "\n"), line) }, 10*time.Second, time.Millisecond)
}

func TestStreamLeadsAHost(t *testing.T) {
	l := lead(t)
	assert.Empty(t, cmp.Diff(HostSetup{
		Run: "id", LabHash: "hash", Host: server,
	}, l.setup, cmpopts.EquateComparable(netip.Prefix{}, netip.Addr{})))
	for _, action := range []topology.Action{topology.Open, topology.Start} {
		require.NoError(t, l.do(t.Context(), action))
	}
	require.NoError(t, l.record(evidence.Conntrack, nil))
	require.NoError(t, l.record(evidence.Sockets, []byte("{}\n{}\n")))
	l.fails[topology.Stop] = errors.New("no such process")
	err := l.do(t.Context(), topology.Stop)
	require.EqualError(t, err, "no such process")
	err = l.do(t.Context(), topology.Close)
	require.NoError(t, err)
	assert.Equal(t, "{}\n{}\n", l.store.file("server.sockets.jsonl"), "what was recorded before a report has arrived with it")
	assert.Empty(t, l.store.file("server.conntrack.jsonl"), "a witness that saw nothing has a file")
	assert.Empty(t, l.served, "the agent waits for the coordinator's end")
	require.NoError(t, l.remote.Close())
	require.NoError(t, <-l.served)
	assert.Equal(t, "no file", l.store.file("server.host.jsonl"), "a host that was closed is not lost")
	err = l.do(t.Context(), topology.Stop)
	require.ErrorIs(t, err, ErrDead)
}

// What a step waits for ends with its context, and the agent is told why.
func TestStreamCancelsAStep(t *testing.T) {
	l := lead(t)
	l.waits[topology.Start] = true
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		l.wait(t, "server start")
		cancel(errors.New("the lab's limit of 1m0s was over"))
	}()
	err := l.do(ctx, topology.Start)
	require.NoError(t, err)
	assert.Contains(t, l.diary.all(), "server waited in vain: the lab's limit of 1m0s was over")
	err = l.do(ctx, topology.Close)
	require.NoError(t, err)
	require.NoError(t, l.remote.Close())
	require.NoError(t, <-l.served)
}

// A container that is killed ends the stream, perhaps within a message.
func TestStreamEndsWithTheAgent(t *testing.T) {
	for name, last := range map[string]string{"whole": "", "half": `{"evidence":"sockets","data":"aGFsZ`} {
		t.Run(name, func(t *testing.T) {
			here, there := net.Pipe()
			s := &store{}
			go func() {
				agent := newConn(there)
				assert.NoError(t, agent.send(message{Hello: ptr(hello())}))
				_, err := agent.receive()
				assert.NoError(t, err)
				_, err = agent.receive() // the step, in the middle of which it is killed
				assert.NoError(t, err)
				assert.NoError(t, agent.send(message{Evidence: evidence.Sockets, Data: []byte("{}\n")}))
				_, _ = there.Write([]byte(last))
				there.Close()
			}()
			r := connect(t, here, s)
			err := r.Do(t.Context(), topology.Step{Action: topology.Open})
			require.ErrorIs(t, err, ErrDead)
			require.ErrorContains(t, err, "its container ended with status 137")
			assert.Equal(t, last != "", strings.Contains(err.Error(), "it broke off within a message"), err)
			assert.Equal(t, "{}\n", s.file("server.sockets.jsonl"))
			assert.Contains(t, s.lost(t), "its container ended with status 137")
			err = r.Do(t.Context(), topology.Step{Action: topology.Close})
			require.ErrorIs(t, err, ErrDead)
			require.NoError(t, r.Close())
		})
	}
}

// An agent that is there and does nothing, as in a paused container, is given
// up once a step is to wait for nothing any more; so is one that does not read.
func TestStreamGivesUpAFrozenAgent(t *testing.T) {
	for name, reads := range map[string]int{"does not answer": 2, "does not read": 1} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				here, there := net.Pipe()
				s := &store{}
				go func() {
					agent := newConn(there)
					assert.NoError(t, agent.send(message{Hello: ptr(hello())}))
					for range reads {
						_, err := agent.receive()
						assert.NoError(t, err)
					}
				}()
				r := connect(t, here, s)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				begun := time.Now()
				err := r.Do(ctx, topology.Step{Action: topology.Start})
				require.ErrorIs(t, err, ErrDead)
				assert.Contains(t, s.lost(t), "it did not answer within 10s")
				assert.Equal(t, time.Minute+answerTimeout, time.Since(begun))
			})
		})
	}
}

// What the coordinator does not take, the agent cannot send, and nothing of it
// is lost or out of order.
func TestStreamHasBackPressure(t *testing.T) {
	l := lead(t)
	const records = 300
	line := strings.Repeat("x", 2<<10)
	l.store.mu.Lock() // the disk is slow
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for i := range records {
			assert.NoError(t, l.record(evidence.Sockets, fmt.Appendf(nil, "%d %s\n", i, line)))
		}
	}()
	select {
	case <-sent:
		t.Error("600 KiB went where nobody takes them")
	case <-time.After(20 * time.Millisecond):
	}
	l.store.mu.Unlock()
	<-sent
	err := l.do(t.Context(), topology.Close)
	require.NoError(t, err)
	var want strings.Builder
	for i := range records {
		fmt.Fprintf(&want, "%d %s\n", i, line)
	}
	assert.Equal(t, want.String(), l.store.file("server.sockets.jsonl"))
	require.NoError(t, l.remote.Close())
	require.NoError(t, <-l.served)
}

// A full disk is said by the next step, and is no end of the host.
func TestStreamTellsWhatCannotBeRecorded(t *testing.T) {
	l := lead(t)
	l.store.fail = errors.New("no space left on device")
	require.NoError(t, l.record(evidence.Sockets, []byte("{}\n")))
	err := l.do(t.Context(), topology.Open)
	require.EqualError(t, err, "no space left on device")
	err = l.do(t.Context(), topology.Close)
	require.NotErrorIs(t, err, ErrDead)
	require.NoError(t, l.remote.Close())
	require.NoError(t, <-l.served)
}

// The host's program ends with the coordinator, whatever the host is doing.
func TestServeEndsWithTheCoordinator(t *testing.T) {
	for name, garbage := range map[string]string{"killed": "", "in half": `{"step":`, "mad": "what?\n"} {
		t.Run(name, func(t *testing.T) {
			l := lead(t)
			l.waits[topology.Start] = true
			go func() {
				err := l.do(context.Background(), topology.Start)
				assert.ErrorIs(t, err, ErrDead)
			}()
			l.wait(t, "server start")
			_, _ = l.remote.conn.stream.Write([]byte(garbage))
			require.NoError(t, l.remote.Close())
			require.ErrorIs(t, <-l.served, ErrNoCoordinator)
			assert.Equal(t, []string{"server start", "server waited in vain: the coordinator is gone", "server stop at once"}, l.diary.all())
			require.Error(t, l.record(evidence.Sockets, []byte("{}\n")))
		})
	}
}

// On SIGTERM an agent asks to be closed, and ends when it is.
func TestServeLeaves(t *testing.T) {
	l := lead(t)
	l.waits[topology.Start] = true
	left := make(chan error, 1)
	l.remote.leaving = func(err error) { left <- err }
	go func() {
		l.wait(t, "server start")
		l.sigterm()
	}()
	err := l.do(t.Context(), topology.Start)
	require.NoError(t, err)
	assert.Contains(t, l.diary.all(), "server waited in vain: "+errLeft.Error())
	require.EqualError(t, <-left, "server: "+errLeft.Error())
	for _, action := range []topology.Action{topology.Stop, topology.Close} {
		err = l.do(t.Context(), action)
		require.NoError(t, err)
	}
	require.NoError(t, <-l.served)
	assert.Equal(t, []string{"server stop", "server close"}, l.diary.all()[2:])
	<-l.remote.ended
	assert.Equal(t, "no file", l.store.file("server.host.jsonl"), "it is not lost")
}

// A coordinator that does not close it loses it.
func TestServeLeavesOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := lead(t)
		begun := time.Now()
		l.sigterm()
		require.ErrorIs(t, <-l.served, errLeft)
		assert.Equal(t, closeTimeout, time.Since(begun))
		assert.Equal(t, []string{"server stop at once"}, l.diary.all())
		err := l.do(t.Context(), topology.Stop)
		require.ErrorIs(t, err, ErrDead)
		require.ErrorContains(t, err, errLeft.Error())
		assert.Contains(t, l.store.lost(t), errLeft.Error())
	})
}

// It leaves within five seconds, also where the coordinator takes nothing.
func TestServeLeavesAFrozenCoordinator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		ctx, sigterm := context.WithCancel(t.Context())
		served := make(chan error, 1)
		h := &fake{name: "server", diary: &diary{}}
		go func() {
			served <- Serve(ctx, there, hello(), func(_ HostSetup, record func(evidence.Witness, []byte) error) (Host, error) {
				return h, record(evidence.Agent, []byte("{}\n"))
			})
		}()
		coordinator := newConn(here)
		_, err := coordinator.receive()
		require.NoError(t, err)
		require.NoError(t, coordinator.send(message{Setup: &HostSetup{}}))
		_, err = coordinator.receive()
		require.NoError(t, err)
		require.NoError(t, coordinator.send(message{ID: 1, Step: &topology.Step{Action: topology.Open}}))
		synctest.Wait()
		sigterm()
		begun := time.Now()
		require.ErrorIs(t, <-served, errLeft)
		assert.Equal(t, closeTimeout, time.Since(begun))
		assert.Contains(t, h.diary.all(), "server stop at once")
		here.Close()
	})
}

func ptr[T any](v T) *T { return &v }

func TestConnectWantsTheLabsHost(t *testing.T) {
	changed := func(change func(*Hello)) string {
		h := hello()
		change(&h)
		line, err := json.Marshal(message{Hello: &h})
		require.NoError(t, err)
		return string(line) + "\n"
	}
	for want, says := range map[string]string{
		"server: its agent ended before it said who it is":       "",
		"it broke off within a message":                          `{"hello":`,
		"what it sent cannot be read":                            "exec /lab: no such file\n",
		"its first line is no hello":                             `{"leaving":"why"}` + "\n",
		"it sent a message of more than 1048576 bytes":           `{"leaving":"` + strings.Repeat("x", maxLine),
		"of another version of fourtuple, 0, and this is 2":      changed(func(h *Hello) { h.Version = 0 }),
		`server: its agent was started as "serve\x1br"`:          changed(func(h *Hello) { h.Host = "serve\x1br" }),
		`would run ["sh"], and the lab says ["server" "--json"]`: changed(func(h *Hello) { h.Program = []string{"sh"} }),
		"would run []": changed(func(h *Hello) { h.Program = []string{} }),
		"no interface has the address 10.12.0.10/24: give its container": changed(func(h *Hello) { h.Interfaces = nil }),
		`"eth1" has the address 172.17.0.2/16, which is not`: changed(func(h *Hello) {
			h.Interfaces = append(h.Interfaces, evidence.Interface{Name: "eth1", Addresses: []netip.Prefix{netip.MustParsePrefix("172.17.0.2/16")}})
		}),
	} {
		here, there := net.Pipe()
		go func() {
			_, _ = there.Write([]byte(says))
			there.Close()
		}()
		_, err := Connect(t.Context(), here, Setup{}, server, nil)
		require.ErrorContains(t, err, want)
	}
}

func TestConnectWaitsNoLongerThanItsContext(t *testing.T) {
	here, _ := net.Pipe()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("interrupted"))
	_, err := Connect(ctx, here, Setup{}, server, nil)
	require.EqualError(t, err, "server: its agent said nothing: interrupted")
}

func TestServeWantsASetup(t *testing.T) {
	for want, says := range map[string]string{
		ErrNoCoordinator.Error(): "",
		"first line is no setup": `{"leaving":"why"}` + "\n",
	} {
		here, there := net.Pipe()
		go func() {
			_, _ = newConn(here).receive()
			_, _ = here.Write([]byte(says))
			here.Close()
		}()
		require.ErrorContains(t, Serve(t.Context(), there, hello(), nil), want)
	}
}

// A host whose agent says what no agent says is a dead host.
func TestRemoteTrustsNoAgent(t *testing.T) {
	for want, says := range map[string]string{
		"cannot be read":                       "panic: runtime error\n",
		"a message that agents do not send":    `{}` + "\n",
		"it answered step 7, which nobody":     `{"id":7,"done":true}` + "\n",
		`evidence of "../../etc", which is no`: `{"evidence":"../../etc"}` + "\n",
	} {
		here, there := net.Pipe()
		go func() {
			agent := newConn(there)
			assert.NoError(t, agent.send(message{Hello: ptr(hello())}))
			_, err := agent.receive()
			assert.NoError(t, err)
			_, _ = there.Write([]byte(says))
			_, _ = io.Copy(io.Discard, there)
		}()
		s := &store{}
		r := connect(t, here, s)
		<-r.ended
		assert.Contains(t, s.lost(t), want)
		err := r.Do(t.Context(), topology.Step{Action: topology.Open})
		require.ErrorIs(t, err, ErrDead)
	}
}

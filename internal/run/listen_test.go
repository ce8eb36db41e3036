package run

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// joined is a lab of a server and a client, and a Listener for it.
func joined(t *testing.T) (Listener, Setup) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("hosts are containers of Linux")
	}
	lab := &topology.Lab{Name: "pair", Limit: time.Minute, Hosts: []topology.Host{{Name: "client"}, server}}
	lab.Steps = topology.DefaultSteps(lab.Hosts)
	return Listener{Socket: filepath.Join(t.TempDir(), "judge.sock"), Timeout: 10 * time.Second},
		Setup{ID: "id", Lab: lab, Record: (&store{}).record}
}

// dial connects to the listener, once it listens, and says hello.
func dial(t *testing.T, l Listener, h Hello) net.Conn {
	t.Helper()
	var stream net.Conn
	require.Eventually(t, func() (listens bool) {
		var err error
		stream, err = net.Dial("unix", l.Socket)
		return err == nil
	}, 10*time.Second, time.Millisecond)
	t.Cleanup(func() { stream.Close() })
	h.Version = Version
	require.NoError(t, newConn(stream).send(message{Hello: &h}))
	return stream
}

// up runs Up while join makes agents join, and returns its error.
func up(t *testing.T, ctx context.Context, l Listener, s Setup, join func()) error {
	t.Helper()
	result := make(chan error, 1)
	go func() {
		_, err := l.Up(ctx, s)
		result <- err
	}()
	join()
	return <-result
}

func TestListenerLeadsALab(t *testing.T) {
	l, s := joined(t)
	old, err := net.ListenUnix("unix", &net.UnixAddr{Name: l.Socket})
	require.NoError(t, err)
	old.SetUnlinkOnClose(false) // as of a judge that was killed
	require.NoError(t, old.Close())
	served := make(chan error, 2)
	streams := make(chan net.Conn, 2)
	agent := func(h Hello) {
		var stream net.Conn
		for stream == nil {
			stream, _ = net.Dial("unix", l.Socket)
			time.Sleep(time.Millisecond)
		}
		streams <- stream
		served <- Serve(t.Context(), stream, h, func(HostSetup, func(evidence.Witness, []byte) error) (Host, error) {
			_, err := os.Stat(l.Socket)
			assert.ErrorIs(t, err, os.ErrNotExist, "the socket is gone before a host is told anything")
			return &fake{name: h.Host, diary: &diary{}}, nil
		})
	}
	h := hello()
	h.Program = server.Program
	go agent(Hello{Host: "client", Program: []string{}})
	go agent(h)
	var progress []int
	s.Progress = func(done, _ int) { progress = append(progress, done) }
	require.NoError(t, Run(t.Context(), l, s, Options{OnHostError: func(err error) { t.Error(err) }}))
	assert.Equal(t, []int{0, 1, 2}, progress)
	assert.Empty(t, served, "hosts stay until the coordinator's process ends")
	for range 2 {
		require.NoError(t, (<-streams).Close())
		require.NoError(t, <-served)
	}
}

func TestListenerWantsTheWholeLab(t *testing.T) {
	l, s := joined(t)
	l.Timeout = 50 * time.Millisecond
	err := up(t, t.Context(), l, s, func() { dial(t, l, Hello{Host: "client"}) })
	require.EqualError(t, err, "no word from server for 50ms: start the whole lab with docker compose up")
	_, err = net.Dial("unix", l.Socket)
	require.ErrorContains(t, err, "connection refused", "who comes too late can tell that there was a coordinator")
}

func TestListenerRefuses(t *testing.T) {
	for want, says := range map[string][]Hello{
		`"dns\x1b": the lab pair has no such host`:        {{Host: "dns\x1b"}},
		"client: there are two of it":                     {{Host: "client"}, {Host: "client"}},
		`client: its agent would run ["sh"], and the lab`: {{Host: "client", Program: []string{"sh"}}},
		"server: its agent is not where the lab says":     {{Host: "server"}},
	} {
		l, s := joined(t)
		var last net.Conn
		err := up(t, t.Context(), l, s, func() {
			for _, h := range says {
				last = dial(t, l, h)
			}
		})
		require.ErrorContains(t, err, want)
		_, err = last.Read(make([]byte, 1))
		require.Error(t, err, "its agent is told by the end of the stream")
	}
}

func TestListenerIsInterrupted(t *testing.T) {
	l, s := joined(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	err := up(t, ctx, l, s, func() {
		dial(t, l, Hello{Host: "client"})
		silent, err := net.Dial("unix", l.Socket)
		require.NoError(t, err)
		t.Cleanup(func() { silent.Close() })
		cancel(errors.New("interrupted"))
	})
	require.EqualError(t, err, "interrupted")
}

func TestListenerLetsOthersIn(t *testing.T) {
	l, s := joined(t)
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(l.Socket), "other"), nil, 0o600))
	ctx, cancel := context.WithCancel(t.Context())
	_ = up(t, ctx, l, s, func() {
		dial(t, l, Hello{Host: "client"})
		info, err := os.Stat(l.Socket)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o666), info.Mode().Perm(), "an agent need not be root")
		cancel()
	})
	blocked := Listener{Socket: filepath.Join(filepath.Dir(l.Socket), "other")}
	_, err := blocked.Up(t.Context(), s)
	require.ErrorContains(t, err, "address already in use", "what is no socket is not removed")
}

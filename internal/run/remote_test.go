//go:build unix

package run

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A talker is a host that answers each step in its account, as agents do.
type talker struct {
	fake
	account *evidence.Output
}

func newTalker(t *testing.T, dir, name string, d *diary) *talker {
	t.Helper()
	account, err := evidence.Create(dir, name, evidence.Agent)
	require.NoError(t, err)
	require.NoError(t, Claim(account.File()))
	h := &talker{fake{name: name, diary: d, fails: make(map[string]error)}, account}
	require.NoError(t, h.tell(evidence.HostEvent{Event: evidence.HostRegistered}))
	return h
}

func (h *talker) tell(e evidence.HostEvent) error { return evidence.Append(h.account, e) }

func (h *talker) answer(ctx context.Context, command string) error {
	s, _ := stepOf(command)
	if err := h.do(ctx, command); err != nil {
		return errors.Join(err, h.tell(evidence.HostEvent{Event: evidence.HostFailed, Error: err.Error()}))
	}
	err := h.tell(evidence.HostEvent{Event: s.answer})
	if command == "close" {
		_, closeErr := h.account.Close()
		err = errors.Join(err, closeErr)
	}
	return err
}

func (h *talker) Open(ctx context.Context) error     { return h.answer(ctx, "open") }
func (h *talker) Start(ctx context.Context) error    { return h.answer(ctx, "start") }
func (h *talker) Settle(ctx context.Context) error   { return h.answer(ctx, "settle") }
func (h *talker) Snapshot(ctx context.Context) error { return h.answer(ctx, "snapshot") }
func (h *talker) Stop(ctx context.Context) error     { return h.answer(ctx, "stop") }
func (h *talker) Close(ctx context.Context) error    { return h.answer(ctx, "close") }

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestRemoteHostsAreLedOverTheFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	ctx := within(t)
	baton, err := Take(dir, []byte("the lab"))
	require.NoError(t, err)
	lab, d, _ := chain()
	hosts := make(map[string]Host)
	ended := make(chan error, len(lab.Hosts))
	for _, h := range lab.Hosts {
		hosts[h.Name] = baton.Remotely(h.Name)
		go func() {
			score, err := Await(ctx, dir)
			if err != nil {
				ended <- err
				return
			}
			assert.Equal(t, "the lab", string(score.Lab))
			err = score.Follow(ctx, h.Name, newTalker(t, dir, h.Name, d))
			err = errors.Join(err, score.Ended(ctx, 0), score.Close())
			ended <- err
		}()
	}
	require.NoError(t, Run(ctx, lab, hosts, Options{}))
	assert.Len(t, d.lines, 18)
	assert.Less(t, d.at(t, "settle server"), d.at(t, "start client"))
	assert.Empty(t, ended, "a host ended before the conductor")
	require.NoError(t, baton.Drop())
	for range lab.Hosts {
		require.NoError(t, <-ended)
	}
	_, err = os.Stat(filepath.Join(dir, conductFile))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestRemoteTellsWhyAHostFailed(t *testing.T) {
	dir := t.TempDir()
	baton, err := Take(dir, nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, baton.Drop()) }()
	score, err := Await(within(t), dir)
	require.NoError(t, err)
	h := newTalker(t, dir, "server", &diary{})
	h.fails["open"] = errors.New("no such device")
	followed := make(chan error)
	go func() { followed <- score.Follow(within(t), "server", h) }()
	remote := baton.Remotely("server")
	require.EqualError(t, remote.Open(within(t)), "no such device")
	require.ErrorContains(t, <-followed, "no such device")
	require.NoError(t, score.Close())
	require.NoError(t, remote.account.Close())
	assert.Contains(t, h.diary.lines, "close server", "a host that failed is closed all the same")
}

func TestRemoteNoticesADeadHost(t *testing.T) {
	dir := t.TempDir()
	baton, err := Take(dir, nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, baton.Drop()) }()
	account, err := evidence.Create(dir, "server", evidence.Agent)
	require.NoError(t, err)
	require.NoError(t, Claim(account.File()))
	require.NoError(t, evidence.Append(account, evidence.HostEvent{Event: evidence.HostRegistered}))
	remote := baton.Remotely("server")
	asked := make(chan error)
	go func() { asked <- remote.Open(within(t)) }()
	_, err = account.Close() // as the kernel does when the agent is killed
	require.NoError(t, err)
	require.ErrorIs(t, <-asked, errDead)
	require.ErrorIs(t, remote.Stop(within(t)), errDead)
	require.Error(t, remote.Close(within(t)))
}

func TestRemoteWaitsForAHostNoLongerThanItsContext(t *testing.T) {
	baton, err := Take(t.TempDir(), nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, baton.Drop()) }()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, baton.Remotely("server").Open(ctx), context.Canceled)
}

// A host that never appears does not use up the time of those that did.
func TestRemoteLeavesTimeToOthers(t *testing.T) {
	baton, err := Take(t.TempDir(), nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, baton.Drop()) }()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := baton.Remotely("server").Open(ctx)
		require.ErrorIs(t, err, errAbsent)
		require.EqualError(t, err, "the host never appeared within 30s")
		require.NoError(t, ctx.Err())
	})
}

func TestFollowEndsWhenTheConductorDies(t *testing.T) {
	dir := t.TempDir()
	baton, err := Take(dir, nil)
	require.NoError(t, err)
	score, err := Await(within(t), dir)
	require.NoError(t, err)
	h := newTalker(t, dir, "server", &diary{})
	require.NoError(t, baton.file.Close()) // as the kernel does when the conductor is killed
	require.ErrorIs(t, score.Follow(within(t), "server", h), errNoConductor)
	assert.Equal(t, []string{"stop server", "close server"}, h.diary.lines)
	require.NoError(t, score.Close())
}

func TestFollowEndsAtASignal(t *testing.T) {
	dir := t.TempDir()
	baton, err := Take(dir, nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, baton.Drop()) }()
	score, err := Await(within(t), dir)
	require.NoError(t, err)
	h := newTalker(t, dir, "server", &diary{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, score.Follow(ctx, "server", h), context.Canceled)
	assert.Equal(t, []string{"stop server", "close server"}, h.diary.lines)
	require.NoError(t, score.Close())
}

// What an earlier conductor left is not taken for a living one's.
func TestAwaitWantsALivingConductor(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, conductFile), []byte("server open\n"), 0o644))
	ctx, cancel := context.WithTimeout(context.Background(), 20*poll)
	defer cancel()
	_, err := Await(ctx, dir)
	require.ErrorIs(t, err, context.DeadlineExceeded)

	baton, err := Take(dir, nil)
	require.NoError(t, err)
	score, err := Await(within(t), dir)
	require.NoError(t, err)
	require.NoError(t, errors.Join(score.Close(), baton.Drop()))
}

func TestTakeReplacesARun(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"server.pcapng", "gone.sockets.jsonl", "verdict.json", "report.html", "lab.yml", ".conduct"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("old"), 0o644))
	}
	baton, err := Take(dir, []byte("new"))
	require.NoError(t, err)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	assert.Equal(t, []string{".conduct", "lab.yml"}, names)
	require.NoError(t, baton.Drop())
}

func TestTakeLeavesAnotherRunAlone(t *testing.T) {
	dir := t.TempDir()
	baton, err := Take(dir, []byte("first"))
	require.NoError(t, err)
	_, err = Take(dir, []byte("second"))
	require.ErrorContains(t, err, "in use by another run")
	lab, err := os.ReadFile(filepath.Join(dir, "lab.yml"))
	require.NoError(t, err)
	assert.Equal(t, "first", string(lab))
	require.NoError(t, baton.Drop())
}

func TestTakeTouchesNothingThatIsNoRun(t *testing.T) {
	for _, name := range []string{"thesis.txt", "server.pcapng.bak"} {
		dir := t.TempDir()
		for _, file := range []string{name, "verdict.json"} {
			require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte("old"), 0o644))
		}
		_, err := Take(dir, []byte("new"))
		require.ErrorContains(t, err, name+", which is no part of a run")
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		assert.Len(t, entries, 2)
	}
}

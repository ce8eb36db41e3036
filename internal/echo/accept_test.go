package echo

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// scripted is a listener that hands out what a test puts in.
type scripted struct {
	results chan any // an error or a net.Conn
	closed  chan struct{}
	once    sync.Once
	asked   []time.Time
}

func newScripted(results ...any) *scripted {
	l := &scripted{results: make(chan any, len(results)), closed: make(chan struct{})}
	for _, r := range results {
		l.results <- r
	}
	return l
}

func (l *scripted) Accept() (net.Conn, error) {
	l.asked = append(l.asked, time.Now())
	select {
	case r := <-l.results:
		if err, ok := r.(error); ok {
			return nil, &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", err)}
		}
		return r.(net.Conn), nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *scripted) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *scripted) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4zero, Port: 12000} }

// times is one error many times over.
func times(n int, err error) []any {
	all := make([]any, n)
	for i := range all {
		all[i] = err
	}
	return all
}

// serveScripted serves what a listener hands out, in a bubble's time, until all is done; it returns the log.
func serveScripted(t *testing.T, l *scripted, length time.Duration) (string, error) {
	var log bytes.Buffer
	server := Server{Log: slog.New(slog.NewTextHandler(&log, nil))}
	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	err := server.Serve(ctx, l)
	return log.String(), err
}

func TestAcceptOutlastsShortages(t *testing.T) {
	for _, err := range slices.Concat(shortage, passing) {
		synctest.Test(t, func(t *testing.T) {
			ours, theirs := net.Pipe()
			l := newScripted(append(times(100, err), ours)...)
			greeted := make(chan error, 1)
			go func() {
				_, err := io.ReadFull(theirs, make([]byte, len(Greeting)))
				theirs.Close()
				greeted <- err
			}()
			log, served := serveScripted(t, l, time.Hour)
			require.NoError(t, served)
			require.NoError(t, <-greeted, "what came after the shortage is served")
			assert.Equal(t, 1, strings.Count(log, "\n"), "one line of log for one episode: %s", log)
			assert.Contains(t, log, err.Error())
			assert.Len(t, l.asked, 102)
			for i := range 100 {
				pause := l.asked[i+1].Sub(l.asked[i])
				assert.Equal(t, min(firstPause<<min(i, 20), longestPause), pause, "pause %d", i)
			}
		})
	}
}

func TestAcceptLogsEachEpisode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newScripted()
		l.results = make(chan any)
		go func() {
			for range 3 {
				for _, r := range times(5, shortage[0]) {
					l.results <- r
				}
				time.Sleep(2 * episodeGap)
			}
		}()
		log, err := serveScripted(t, l, time.Hour)
		require.NoError(t, err)
		assert.Equal(t, 3, strings.Count(log, "\n"), log)
	})
}

func TestAcceptEndsOnOtherErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		log, err := serveScripted(t, newScripted(broken), time.Hour)
		require.ErrorIs(t, err, broken)
		assert.Equal(t, "accept on 0.0.0.0:12000: broken", err.Error())
		assert.Empty(t, log)
	})
}

func TestAcceptIsStoppedInAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		_, err := serveScripted(t, newScripted(times(1000, shortage[0])...), 10*time.Second)
		require.NoError(t, err)
		assert.Equal(t, 10*time.Second, time.Since(began))
	})
}

// In a bubble's time, peers that say nothing or do not read are left alone for exactly as long as was said.
func TestServerKeepsToItsTimes(t *testing.T) {
	for name, c := range map[string]struct {
		server Server
		peer   func(net.Conn)
		until  time.Duration
		why    string
	}{
		"silent":          {Server{IdleTimeout: time.Minute}, func(peer net.Conn) { io.Copy(io.Discard, peer) }, time.Minute, "silent for 1m0s"},
		"never reads":     {Server{}, func(net.Conn) {}, DefaultWriteTimeout, "the peer has read nothing for 30s"},
		"never reads, 1s": {Server{WriteTimeout: time.Second}, func(net.Conn) {}, time.Second, "the peer has read nothing for 1s"},
		"told to stop":    {Server{Grace: time.Minute}, func(peer net.Conn) { io.Copy(io.Discard, peer) }, 3 * time.Minute, errGraceOver.Error()},
		"stops at once":   {Server{}, func(peer net.Conn) { io.Copy(io.Discard, peer) }, 2 * time.Minute, errGraceOver.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ours, theirs := net.Pipe()
				defer theirs.Close()
				go c.peer(theirs)
				var seen watched
				c.server.Record = seen.record
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // told to stop then
				defer cancel()
				began := time.Now()
				require.NoError(t, c.server.Serve(ctx, newScripted(ours)))
				closed := seen.named(Closed)
				require.Len(t, closed, 1)
				assert.Equal(t, c.why, closed[0].Error)
				assert.Equal(t, c.until, closed[0].Time.Sub(began))
			})
		})
	}
}

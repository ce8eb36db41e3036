package run

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// errNoConductor is why a host ends that was left alone.
var errNoConductor = errors.New("the conductor is gone")

// A Score is a host's end of the run folder: the commands to it.
type Score struct {
	// Lab is the text of the lab that is run.
	Lab    []byte
	dir    string
	file   *os.File
	reader *bufio.Reader
	line   strings.Builder
}

// Await waits until a conductor has taken the run folder dir, but no longer
// than Arrival.
func Await(ctx context.Context, dir string) (*Score, error) {
	arrival, cancel := context.WithTimeoutCause(ctx, Arrival,
		fmt.Errorf("no conductor took %s within %v: start the lab with `lab run` or `docker compose up`", dir, Arrival))
	defer cancel()
	s := &Score{dir: dir}
	if err := until(arrival, s.taken); err != nil {
		return nil, err
	}
	return s, nil
}

// taken tells whether a living conductor holds the folder.
func (s *Score) taken() (bool, error) {
	file, err := os.Open(filepath.Join(s.dir, conductFile))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	living, err := held(file)
	if err == nil && living {
		s.Lab, err = os.ReadFile(filepath.Join(s.dir, evidence.LabFile))
	}
	if err != nil || !living {
		return false, errors.Join(err, file.Close())
	}
	s.file, s.reader = file, bufio.NewReader(file)
	return true, nil
}

// Close lets go of the conductor's file.
func (s *Score) Close() error { return s.file.Close() }

// Follow does what the conductor asks of the host of that name, until it has
// asked for the end. When ctx ends or the conductor dies, the host is stopped
// and closed all the same.
func (s *Score) Follow(ctx context.Context, name string, h Host) error {
	for {
		command, err := s.command(ctx, name)
		if err != nil {
			return errors.Join(err, finish(ctx, h))
		}
		asked, ok := stepOf(command)
		if !ok {
			return errors.Join(fmt.Errorf("the conductor asks for %q, which no host can do", command), finish(ctx, h))
		}
		if err := asked.do(h, ctx); err != nil {
			return errors.Join(err, finish(ctx, h))
		}
		if command == "close" {
			return nil
		}
	}
}

// finish stops and closes a host that will hear no more commands.
func finish(ctx context.Context, h Host) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), Closing)
	defer cancel()
	return errors.Join(h.Stop(ctx), h.Close(ctx))
}

// command waits for the next command to the host.
func (s *Score) command(ctx context.Context, name string) (command string, err error) {
	err = until(ctx, func() (bool, error) {
		living, err := held(s.file)
		if err != nil {
			return false, err
		}
		for {
			part, err := s.reader.ReadString('\n')
			s.line.WriteString(part)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return false, err
			}
			host, what, _ := strings.Cut(strings.TrimSpace(s.line.String()), " ")
			s.line.Reset()
			if host == name {
				command = what
				return true, nil
			}
		}
		if !living {
			return false, errNoConductor
		}
		return false, nil
	})
	return command, err
}

// Ended waits until the conductor is gone, and a moment more: Compose takes
// the first container that ends for the one that ends the run.
func (s *Score) Ended(ctx context.Context, moment time.Duration) error {
	err := until(ctx, func() (bool, error) {
		living, err := held(s.file)
		return !living, err
	})
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case <-time.After(moment):
	}
	return nil
}

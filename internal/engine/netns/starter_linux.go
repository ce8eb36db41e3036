package netns

import (
	"errors"
	"os"
	"runtime"
	"sync"
)

// A starter is one OS thread that clones all programs of a network. The kernel
// kills a program when the thread that cloned it ends, so this one lives until
// the network is closed.
type starter struct {
	once sync.Once
	jobs chan func()
	done chan struct{}
	loop sync.WaitGroup
}

// errClosed is for who comes after Close.
var errClosed = errors.New("the network is closed")

func newStarter() *starter {
	return &starter{jobs: make(chan func()), done: make(chan struct{})}
}

// do runs f on the starter's thread, in that network namespace.
func (s *starter) do(namespace *os.File, f func() error) error {
	s.once.Do(func() { s.loop.Go(s.work) })
	result := make(chan error, 1)
	job := func() { result <- visit(namespace, f) }
	select {
	case s.jobs <- job:
		return <-result
	case <-s.done:
		return errClosed
	}
}

// work never gives its thread back: it may be in a namespace that it could not
// leave, and ends with the goroutine.
func (s *starter) work() {
	runtime.LockOSThread()
	for {
		select {
		case job := <-s.jobs:
			job()
		case <-s.done:
			return
		}
	}
}

// stop ends the thread. No program may be left.
func (s *starter) stop() {
	s.once.Do(func() {})
	close(s.done)
	s.loop.Wait()
}

// visit runs f in a namespace, on the calling thread.
func visit(namespace *os.File, f func() error) error {
	origin, err := currentNamespace()
	if err != nil {
		return err
	}
	defer origin.Close()
	if err := setNamespace(namespace); err != nil {
		return err
	}
	return errors.Join(f(), setNamespace(origin))
}

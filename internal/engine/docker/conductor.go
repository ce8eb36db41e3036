package docker

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"
)

// conductorWithin bounds how long a run takes to start its conductor, from the
// first thing it makes. Until then a run cannot be told from a killed one.
const conductorWithin = 30 * time.Second

// A conductor is this process's end of the conductor's container.
type conductor struct {
	run    *labRun
	name   string
	stream client.HijackedResponse

	held chan struct{} // closed when the lab is held
	hold func()        // closes held
	gone chan struct{} // closed when nobody leads the conductor any more
	// letGo ends the conductor's standard input, which makes it end.
	letGo func()
	done  chan struct{} // closed when it has said all
	errs  bytes.Buffer  // what it said on its standard error; read when done
	// exit is how it ended, when it has; forget stops waiting for that.
	exit   chan exit
	forget func()
}

// startConductor starts the conductor, which then waits for its lab.
func (r *labRun) startConductor(ctx context.Context) (*conductor, error) {
	ctx = context.WithoutCancel(ctx)
	short, cancel := context.WithTimeout(ctx, conductorWithin)
	defer cancel()
	made := r.conductorContainer(r.options.Hold != nil)
	r.remains.container(made.Name)
	if _, err := r.cli.ContainerCreate(short, made); err != nil {
		return nil, fmt.Errorf("make the conductor: %w", err)
	}
	attached, err := r.cli.ContainerAttach(short, made.Name, client.ContainerAttachOptions{Stream: true, Stdin: true, Stdout: true, Stderr: true})
	if err != nil {
		return nil, fmt.Errorf("attach to the conductor: %w", err)
	}
	waiting, forget := context.WithCancel(ctx)
	c := newConductor(r, made.Name, attached.HijackedResponse, forget)
	go c.listen()
	if _, err := r.cli.ContainerStart(short, made.Name, client.ContainerStartOptions{}); err != nil {
		c.close()
		return nil, fmt.Errorf("start the conductor: %w", err)
	}
	go c.awaitExit(waiting)
	return c, nil
}

func newConductor(r *labRun, name string, stream client.HijackedResponse, forget func()) *conductor {
	c := &conductor{
		run: r, name: name, stream: stream,
		held: make(chan struct{}), gone: make(chan struct{}), done: make(chan struct{}),
		exit: make(chan exit, 1), forget: forget,
	}
	c.hold = sync.OnceFunc(func() { close(c.held) })
	c.letGo = sync.OnceFunc(func() {
		close(c.gone)
		_ = c.stream.CloseWrite() // if it is closed already, all the better
	})
	return c
}

// listen hears the conductor to its end.
func (c *conductor) listen() {
	defer close(c.done)
	reader, writer := io.Pipe()
	var told sync.WaitGroup
	told.Go(func() { c.follow(reader) })
	// The error of a connection that broke off is the conductor's exit status.
	_, err := stdcopy.StdCopy(writer, &c.errs, c.stream.Reader)
	_ = writer.CloseWithError(err) // always nil
	told.Wait()
}

// led tells whether somebody still leads the conductor.
func (c *conductor) led() bool {
	select {
	case <-c.gone:
		return false
	default:
		return true
	}
}

// close ends the conversation, and the conductor with it.
func (c *conductor) close() {
	c.forget()
	c.letGo()
	c.stream.Close()
	<-c.done
}

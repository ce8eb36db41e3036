package docker

import (
	"fmt"
	"sync"
)

// progress tells how far a step is, where somebody listens.
func (r *labRun) progress(step string, done, total int) {
	if r.options.Progress != nil {
		r.options.Progress(step, done, total)
	}
}

// counted begins a step of so many things; what it returns tells that one more
// is done.
func (r *labRun) counted(step string, total int) (one func()) {
	var mu sync.Mutex
	done := -1
	one = func() {
		mu.Lock()
		defer mu.Unlock()
		done++
		r.progress(step, done, total)
	}
	one()
	return one
}

// lost tells that a host is lost, where somebody listens.
func (r *labRun) lost(err error) {
	if r.options.Lost != nil {
		r.options.Lost(err)
	}
}

// logf writes a line to the log, if there is one.
func (r *labRun) logf(format string, args ...any) {
	if r.log != nil {
		fmt.Fprintf(r.log, "lab: "+format+"\n", args...)
	}
}

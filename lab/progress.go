package main

import (
	"io"
	"sync"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// A progress shows on a terminal how far a wide lab is, and nothing elsewhere.
type progress struct {
	mu   sync.Mutex
	bars *mpb.Progress
	bar  *mpb.Bar
	step string
}

// manyHosts is from how many hosts on a lab takes long enough to show a bar.
const manyHosts = 20

// newProgress is nil, which shows nothing, for small labs and where w is no
// terminal.
func newProgress(w io.Writer, hosts int) *progress {
	if hosts < manyHosts || !isTerminal(w) {
		return nil
	}
	return &progress{bars: mpb.New(mpb.WithOutput(w), mpb.WithWidth(40))}
}

// at shows that so many of all tasks of a step are done.
func (p *progress) at(step string, done, total int) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.step != step {
		p.end()
		p.step = step
		p.bar = p.bars.AddBar(int64(total), mpb.BarRemoveOnComplete(),
			mpb.PrependDecorators(decor.Name(step+" ")), mpb.AppendDecorators(decor.CountersNoUnit("%d of %d")))
	}
	p.bar.SetCurrent(int64(done))
}

// end takes the bar of the present step away.
func (p *progress) end() {
	if p.bar != nil {
		p.bar.Abort(true)
	}
}

// close takes all bars away.
func (p *progress) close() {
	if p == nil {
		return
	}
	p.mu.Lock()
	p.end()
	p.bar = nil
	p.mu.Unlock()
	p.bars.Wait()
}

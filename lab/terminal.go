package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/fourtuple/fourtuple/internal/report"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// styleFor is how to write there: coloured for a terminal whose user does not
// object (https://no-color.org), and in ASCII where the locale asks for it.
func styleFor(w io.Writer, l language) report.Style {
	return report.Style{Color: isTerminal(w) && os.Getenv("NO_COLOR") == "", ASCII: onlyASCII(), Language: l.Language}
}

// A language is the flag --lang.
type language struct{ topology.Language }

// addTo gives a command the flag, which the locale is the default of.
func (l *language) addTo(c *cobra.Command) {
	l.Language = localeLanguage()
	c.Flags().Var(l, "lang", "en or ko, the language of what labs say (default: the locale's)")
}

func (l *language) String() string { return "" } // or else the locale would be in the help
func (l *language) Type() string   { return "string" }

func (l *language) Set(name string) error {
	l.Language = topology.Language(name)
	if l.Language != topology.English && l.Language != topology.Korean {
		return fmt.Errorf("labs are written in %s and %s", topology.English, topology.Korean)
	}
	return nil
}

// localeLanguage is that of messages, by the order in which locale(7) looks at
// the variables; where labs are not written in it, English.
func localeLanguage() topology.Language {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if value := os.Getenv(name); value != "" {
			if name, _, _ := strings.Cut(strings.ReplaceAll(value, ".", "_"), "_"); name == string(topology.Korean) {
				return topology.Korean
			}
			break
		}
	}
	return topology.English
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// onlyASCII tells whether a locale is set that has no Unicode, by the order in
// which locale(7) looks at the variables.
func onlyASCII() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := os.Getenv(name); value != "" {
			return !strings.Contains(strings.ToUpper(value), "UTF-8") && !strings.Contains(strings.ToUpper(value), "UTF8")
		}
	}
	return false
}

// A progress shows on a terminal how far a lab is, and nothing elsewhere: the
// present step, in a wide lab with a bar.
type progress struct {
	mu   sync.Mutex
	w    io.Writer
	bars *mpb.Progress // nil for a small lab
	bar  *mpb.Bar
	step string
}

const (
	// manyHosts is from how many hosts on a step takes long enough to show a bar.
	manyHosts = 20
	// narrow is the columns of the narrowest terminal that a step is to fit in.
	narrow = 79
	// clearLine is ECMA-48's EL, at the beginning of the line.
	clearLine = "\r\x1b[K"
)

// newProgress is nil, which shows nothing, where w is no terminal.
func newProgress(w io.Writer, hosts int) *progress {
	if !isTerminal(w) {
		return nil
	}
	p := &progress{w: w}
	if hosts >= manyHosts {
		p.bars = mpb.New(mpb.WithOutput(w), mpb.WithWidth(40))
	}
	return p
}

// at shows that so many of all hosts have done a step.
func (p *progress) at(step string, done, total int) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bars == nil {
		if p.step != step {
			p.step = step
			fmt.Fprint(p.w, clearLine, text.Snip(report.Printable(step), narrow, "..."))
		}
		return
	}
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
	p.clear()
	p.mu.Lock()
	p.end()
	p.bar = nil
	p.mu.Unlock()
	if p.bars != nil {
		p.bars.Wait()
	}
}

// clear makes room for a line.
func (p *progress) clear() {
	if p == nil || p.bars != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.step != "" {
		p.step = ""
		fmt.Fprint(p.w, clearLine)
	}
}

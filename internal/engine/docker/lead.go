package docker

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/run"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// LedByInput is what stands for a lab's file where Conduct is meant.
const LedByInput = "-"

// endOfLab is the line after a lab's text: the end of a document in YAML.
// allUp is the line that says that all hosts run.
const (
	endOfLab = "..."
	allUp    = "up"
)

// errEnded is why a host did not do what it was to do.
var errEnded = errors.New("the run was ended before")

// News is what a conductor tells the one who leads it, a line of JSON each:
// how far a step is, that a host is lost, or that the lab is held.
type news struct {
	Step  string `json:"step,omitempty"`
	Done  int    `json:"done,omitempty"`
	Total int    `json:"total,omitempty"`
	Lost  string `json:"lost,omitempty"`
	Held  bool   `json:"held,omitempty"`
}

// Conduct is what the conductor's container does: it conducts hosts over the
// run folder, led by Engine through its standard streams, as the package's
// documentation says. An error means that the lab could not be run.
func Conduct(ctx context.Context, folder string, hold bool, in io.Reader, out io.Writer) (err error) {
	lines := bufio.NewReader(in)
	text, err := readLab(lines)
	if err != nil {
		return err
	}
	lab, err := topology.Parse(evidence.LabFile, text, nil)
	if err != nil {
		return err
	}
	baton, err := run.Take(folder, text)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, baton.Drop()) }()
	if line, err := lines.ReadString('\n'); line != allUp+"\n" {
		return errors.Join(errEnded, notEOF(err))
	}

	led, end := context.WithCancelCause(ctx)
	defer end(nil)
	go func() {
		_, _ = io.Copy(io.Discard, lines)
		end(errEnded) // nobody leads any more
	}()
	limited, cancel := context.WithTimeout(led, lab.Limit)
	defer cancel()
	hosts := make(map[string]run.Host, len(lab.Hosts))
	for _, h := range lab.Hosts {
		hosts[h.Name] = baton.Remotely(h.Name)
	}
	return run.Run(limited, lab, hosts, tell(led, out, hold))
}

// tell are options by which a run is told of.
func tell(led context.Context, out io.Writer, hold bool) run.Options {
	encoder := json.NewEncoder(out)
	// Whoever is told may be gone: then the run ends, and that it could not be
	// told is no further harm.
	told := func(n news) { _ = encoder.Encode(n) }
	o := run.Options{
		Progress: func(step string, done, total int) { told(news{Step: step, Done: done, Total: total}) },
		Lost:     func(err error) { told(news{Lost: err.Error()}) },
	}
	if hold {
		o.Hold = func(context.Context) {
			told(news{Held: true})
			<-led.Done()
		}
	}
	return o
}

// readLab reads a lab's text, to the line that ends it.
func readLab(lines *bufio.Reader) ([]byte, error) {
	var text bytes.Buffer
	for {
		line, err := lines.ReadString('\n')
		if strings.TrimRight(line, "\r\n") == endOfLab {
			return text.Bytes(), nil
		}
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("read the lab from standard input: it ends before the line %q", endOfLab)
		}
		if err != nil {
			return nil, fmt.Errorf("read the lab from standard input: %w", err)
		}
		text.WriteString(line)
	}
}

// notEOF is an error that is not just the end of what there is to read.
func notEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// writeLab is what readLab reads.
func writeLab(w io.Writer, text []byte) error {
	whole := bytes.Clone(text)
	if !bytes.HasSuffix(whole, []byte("\n")) {
		whole = append(whole, '\n')
	}
	_, err := w.Write(append(whole, endOfLab+"\n"...))
	return err
}

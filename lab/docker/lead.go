package docker

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/fourtuple/fourtuple/lab/conduct"
	"github.com/fourtuple/fourtuple/lab/evidence"
	"github.com/fourtuple/fourtuple/lab/topology"
)

// LedByInput is what stands for a lab's file where Conduct is meant.
const LedByInput = "-"

const (
	// endOfLab is the line after a lab's text: the end of a document in YAML.
	endOfLab = "..."
	// stepHold is told when the lab is held.
	stepHold = "hold"
)

// Conduct is what the conductor's container does: it conducts hosts over the
// run folder, led by Engine through its standard streams, as the package's
// documentation says. An error means that the lab could not be conducted; what
// goes wrong at a host is told to errs and costs that host's evidence.
func Conduct(ctx context.Context, folder string, hold bool, in io.Reader, out, errs io.Writer) (err error) {
	lines := bufio.NewReader(in)
	text, err := readLab(lines)
	if err != nil {
		return err
	}
	lab, err := topology.Parse(evidence.LabFile, text, nil)
	if err != nil {
		return err
	}
	baton, err := conduct.Take(folder, text)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, baton.Drop()) }()

	led, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, lines)
		cancel() // nobody leads any more
	}()
	limited, cancel := context.WithTimeout(led, lab.Limit)
	defer cancel()
	o := conduct.Options{Progress: func(step string) { fmt.Fprintln(out, step) }}
	if hold {
		o.Hold = func(context.Context) {
			fmt.Fprintln(out, stepHold)
			<-led.Done()
		}
	}
	hosts := make(map[string]conduct.Host, len(lab.Hosts))
	for _, h := range lab.Hosts {
		hosts[h.Name] = baton.Remotely(h.Name)
	}
	if err := conduct.Run(limited, lab, hosts, o); err != nil {
		fmt.Fprintln(errs, err)
	}
	return nil
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

// writeLab is what readLab reads.
func writeLab(w io.Writer, text []byte) error {
	whole := bytes.Clone(text)
	if !bytes.HasSuffix(whole, []byte("\n")) {
		whole = append(whole, '\n')
	}
	_, err := w.Write(append(whole, endOfLab+"\n"...))
	return err
}

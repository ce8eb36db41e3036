package evidence

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// parse reads what the witness wrote into the host; it returns what is wrong
// with it.
func (h *Host) parse(w Witness, data []byte) (flaw string) {
	switch w {
	case Packets:
		return h.parseCapture(data)
	case Sockets:
		h.Sockets, flaw = parseLines(data, h.Name, w, func(s Socket) Header { return s.Header })
	case Files:
		h.Files, flaw = parseLines(data, h.Name, w, func(f File) Header { return f.Header })
	case Program:
		h.Accounts, flaw = parseLines(data, h.Name, w, func(a Account) Header { return a.Header })
	case Conntracked:
		h.Translations, flaw = parseLines(data, h.Name, w, func(t Translation) Header { return t.Header })
	}
	return flaw
}

// parseLines reads JSON lines of one host's witness. At the first line that is
// no such record it stops, and returns the records before it and what is wrong.
func parseLines[R any](data []byte, host string, w Witness, header func(R) Header) (records []R, flaw string) {
	file := FileName(host, w)
	for number := 1; len(data) > 0; number++ {
		line, rest, ended := bytes.Cut(data, []byte("\n"))
		data = rest
		if !ended {
			return records, fmt.Sprintf("%s is cut short in line %d", file, number)
		}
		var r R
		if err := json.Unmarshal(line, &r); err != nil {
			return records, fmt.Sprintf("%s:%d is no record: %v", file, number, err)
		}
		if h := header(r); h.Host != host || h.Witness != w || h.Time.IsZero() {
			return records, fmt.Sprintf("%s:%d is a record of %q by %q", file, number, h.Host, h.Witness)
		}
		records = append(records, r)
	}
	return records, ""
}

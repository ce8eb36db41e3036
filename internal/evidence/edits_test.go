package evidence_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/evidence/evidencetest"
)

var all = flag.Bool("edits", false, "judge every edited run folder, not only some")

// An edit is one change of one record of one file.
type edit struct {
	name string
	file string
	data []byte
}

// others are plausible values in the place of a record's value, by its key.
func others(key string, value any) []any {
	text, _ := value.(string)
	number, _ := value.(json.Number)
	n, _ := number.Int64()
	switch key {
	case "time":
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			return nil
		}
		return []any{at.Add(3 * time.Millisecond).Format(time.RFC3339Nano), at.Add(-time.Hour).Format(time.RFC3339Nano)}
	case "local", "remote", "source", "destination":
		e, err := netip.ParseAddrPort(text)
		if err != nil {
			return nil
		}
		return []any{
			netip.AddrPortFrom(e.Addr(), e.Port()+1).String(), netip.AddrPortFrom(e.Addr().Next(), e.Port()).String(),
			"10.12.2.10:40002", "10.12.0.10:12000", "0.0.0.0:0",
		}
	case "state":
		return []any{"ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT", "CLOSE", "CLOSE_WAIT", "LAST_ACK", "LISTEN", "CLOSING", "BANANA"}
	case "protocol":
		return []any{"tcp", "tcp6", "udp", "udp6", "sctp"}
	case "type":
		return []any{"IPv4", "IPv6", "REG", "FIFO"}
	case "event":
		return []any{"listening", "accepted", "connected", "sent", "received", "holding", "closed", "failed", "stopped", "line", "exited", "registered", "lost", "error", "not ready"}
	case "host":
		return []any{"client2", "server"}
	case "witness":
		return []any{"files", "sockets"}
	case "idle":
		return []any{false}
	case "base64":
		return []any{"eHh4"}
	}
	if number != "" {
		return []any{n + 1, max(n-1, 0), 0, 100, 501}
	}
	if text != "" {
		return []any{text + "x", strings.ToUpper(text), ""}
	}
	return nil
}

// variants are all copies of a record in which one value is another.
func variants(record map[string]any, path string, f func(name string, copy map[string]any)) {
	for _, key := range slices.Sorted(mapsKeys(record)) {
		value := record[key]
		set := func(v any, name string) {
			c := make(map[string]any, len(record))
			for k, old := range record {
				c[k] = old
			}
			if c[key] = v; v == nil {
				delete(c, key)
			}
			f(path+key+name, c)
		}
		if inner, ok := value.(map[string]any); ok {
			variants(inner, path+key+".", func(name string, c map[string]any) { set(c, strings.TrimPrefix(name, path+key)) })
			continue
		}
		set(nil, " removed")
		for _, v := range others(key, value) {
			if fmt.Sprint(v) != fmt.Sprint(value) {
				set(v, fmt.Sprintf("=%v", v))
			}
		}
	}
}

func mapsKeys(m map[string]any) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// recordEdits are all edits of a file of records.
func recordEdits(t testing.TB, file string, data []byte) []edit {
	var edits []edit
	lines := bytes.SplitAfter(bytes.TrimSuffix(data, []byte("\n")), []byte("\n"))
	if len(data) == 0 {
		return nil
	}
	lines[len(lines)-1] = append(slices.Clone(lines[len(lines)-1]), '\n')
	with := func(i int, replaced ...[]byte) []byte {
		return bytes.Join(slices.Concat(lines[:i], replaced, lines[i+1:]), nil)
	}
	for i, line := range lines {
		at := fmt.Sprintf("%s:%d %s ", file, i+1, line[max(0, bytes.Index(line, []byte(`"witness"`))):len(line)-1])
		edits = append(edits,
			edit{at + "dropped", file, with(i)},
			edit{at + "twice", file, with(i, line, line)},
			edit{at + "moved to the end", file, append(with(i), line...)})
		if i+1 < len(lines) {
			swapped := slices.Clone(lines)
			swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
			edits = append(edits, edit{at + "swapped with the next", file, bytes.Join(swapped, nil)})
		}
		var record map[string]any
		decoder := json.NewDecoder(bytes.NewReader(line))
		decoder.UseNumber()
		require.NoError(t, decoder.Decode(&record))
		variants(record, "", func(name string, c map[string]any) {
			text, err := json.Marshal(c)
			require.NoError(t, err)
			edits = append(edits, edit{at + name, file, with(i, append(asWritten(file, text), '\n'))})
		})
	}
	return edits
}

// asWritten is a record as an agent writes one, with its fields in their order.
func asWritten(file string, record []byte) []byte {
	var value any
	switch {
	case strings.HasSuffix(file, ".host.jsonl"):
		value = new(evidence.HostEvent)
	case strings.HasSuffix(file, ".sockets.jsonl"):
		value = new(evidence.Socket)
	case strings.HasSuffix(file, ".files.jsonl"):
		value = new(evidence.File)
	case strings.HasSuffix(file, ".program.jsonl"):
		value = new(evidence.ProgramEvent)
	default:
		value = new(evidence.Translation)
	}
	if json.Unmarshal(record, value) != nil {
		return record
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(value) != nil {
		return record
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n"))
}

// packetEdits are all edits of a capture.
func packetEdits(t testing.TB, host string, s *evidencetest.Sample) []edit {
	h, interfaces := s.Hosts[host], s.Interfaces[host]
	var edits []edit
	file := evidence.FileName(host, evidence.Packets)
	add := func(i int, name string, change func([]evidence.Packet) []evidence.Packet) {
		p := h.Packets[i]
		changed := change(slices.Clone(h.Packets))
		edits = append(edits, edit{
			fmt.Sprintf("%s:%d %s %s %d bytes %s", file, i+1, p.Tuple(), p.Flags, p.Length, name), file,
			evidencetest.Capture(t, interfaces, changed),
		})
	}
	for i := range h.Packets {
		one := func(name string, change func(*evidence.Packet)) {
			add(i, name, func(all []evidence.Packet) []evidence.Packet { change(&all[i]); return all })
		}
		add(i, "dropped", func(all []evidence.Packet) []evidence.Packet { return slices.Delete(all, i, i+1) })
		add(i, "twice", func(all []evidence.Packet) []evidence.Packet { return slices.Insert(all, i, all[i]) })
		add(i, "again later", func(all []evidence.Packet) []evidence.Packet {
			p := all[i]
			p.Time = all[len(all)-1].Time
			return append(all, p)
		})
		for j, end := range []string{"source", "destination"} {
			at := func(p *evidence.Packet) *netip.AddrPort { return []*netip.AddrPort{&p.Source, &p.Destination}[j] }
			one(end+" port", func(p *evidence.Packet) { e := at(p); *e = netip.AddrPortFrom(e.Addr(), e.Port()+1) })
			one(end+" address", func(p *evidence.Packet) { e := at(p); *e = netip.AddrPortFrom(e.Addr().Next(), e.Port()) })
			one(end+" of another", func(p *evidence.Packet) { *at(p) = evidencetest.ClientEnd(2) })
		}
		one("seq", func(p *evidence.Packet) { p.Seq++ })
		one("seq far", func(p *evidence.Packet) { p.Seq += 1 << 30 })
		one("ack", func(p *evidence.Packet) { p.Ack-- })
		one("window", func(p *evidence.Packet) { p.Window++ })
		one("ttl", func(p *evidence.Packet) { p.TTL-- })
		one("ttl more", func(p *evidence.Packet) { p.TTL++ })
		for _, f := range []evidence.Flags{evidence.FIN, evidence.SYN, evidence.RST, evidence.PSH, evidence.ACK} {
			one("flag "+f.String(), func(p *evidence.Packet) { p.Flags ^= f })
		}
		one("direction", func(p *evidence.Packet) { p.Outgoing = !p.Outgoing })
		one("interface", func(p *evidence.Packet) { p.Interface = interfaces[0] })
		one("another interface", func(p *evidence.Packet) { p.Interface = interfaces[len(interfaces)-1] })
		one("more payload", func(p *evidence.Packet) { p.Payload = append(slices.Clone(p.Payload), 'x') })
		if h.Packets[i].Length > 0 {
			one("payload", func(p *evidence.Packet) { p.Payload = bytes.ToUpper(p.Payload) })
			one("less payload", func(p *evidence.Packet) { p.Payload = p.Payload[1:] })
		}
	}
	return edits
}

// folder is a run folder that is edited again and again.
type folder struct {
	t    *testing.T
	dir  string
	kept map[string][]byte
}

func newFolder(t *testing.T, s *evidencetest.Sample) *folder {
	f := &folder{t, t.TempDir() + "/run", make(map[string][]byte)}
	s.Write(t, f.dir)
	entries, err := os.ReadDir(f.dir)
	require.NoError(t, err)
	for _, e := range entries {
		f.kept[e.Name()], err = os.ReadFile(filepath.Join(f.dir, e.Name()))
		require.NoError(t, err)
	}
	return f
}

// flaws are what is wrong with the folder with other files in it, sealed anew.
func (f *folder) flaws(changed map[string][]byte) []string {
	for name, data := range changed {
		require.NoError(f.t, os.WriteFile(filepath.Join(f.dir, name), data, 0o644))
	}
	if !strings.Contains(fmt.Sprint(changed), ".host.jsonl") {
		evidencetest.Reseal(f.t, f.dir)
	}
	found := flaws(load(f.t, f.dir))
	for name, data := range f.kept {
		if changed[name] != nil || strings.HasSuffix(name, ".host.jsonl") {
			require.NoError(f.t, os.WriteFile(filepath.Join(f.dir, name), data, 0o644))
		}
	}
	return found
}

// flaws are all that is wrong with a run's evidence.
func flaws(r *evidence.Run) []string {
	all := defects(r)
	for _, o := range r.Orphans {
		all = append(all, fmt.Sprintf("%s.%s:%d: %s", o.Host, o.Witness, o.Line, o.What))
	}
	for _, d := range r.Contradictions {
		all = append(all, fmt.Sprintf("%s.%s:%d: %s", d.Host, d.Witness, d.Line, d.Why))
	}
	for i := range r.Connections {
		c := &r.Connections[i]
		if c.Outcome == evidence.Unknown {
			all = append(all, fmt.Sprintf("%s: unknown", c.FourTuple))
		}
		for _, name := range evidence.ColumnNames {
			if why := c.Lacks[name]; why != "" {
				all = append(all, fmt.Sprintf("%s: %s: %s", c.FourTuple, name, why))
			}
		}
		all = append(all, c.Conflicts...)
	}
	return all
}

// Whatever one record of one file is changed to, something is wrong with the run.
func TestNoEditOfOneRecordIsBelieved(t *testing.T) {
	s := evidencetest.Read(t, evidencetest.First)
	f := newFolder(t, s)
	require.Empty(t, f.flaws(nil))
	var edits []edit
	for name, data := range f.kept {
		if strings.HasSuffix(name, ".jsonl") && !strings.HasPrefix(name, "client3") {
			edits = append(edits, recordEdits(t, name, data)...)
		}
	}
	for _, host := range []string{"client1", "router", "server"} {
		edits = append(edits, packetEdits(t, host, s)...)
	}
	slices.SortFunc(edits, func(a, b edit) int { return strings.Compare(a.name, b.name) })
	n := 0
	for i, e := range edits {
		if !*all && i%29 != 0 || oneWitnessAlone(e.name) || sameRecords(e.data, f.kept[e.file]) {
			continue
		}
		n++
		if len(f.flaws(map[string][]byte{e.file: e.data})) == 0 {
			t.Errorf("%s: nothing is wrong", e.name)
		}
	}
	t.Logf("%d of %d edits", n, len(edits))
}

// Some witnesses of a connection are altered alike, the others are not: whoever
// has the majority, something is wrong with the run.
func TestNoMinorityOfWitnessesIsBelieved(t *testing.T) {
	own, server := evidencetest.ClientEnd(1), evidencetest.ServerEnd
	moved := map[string]func(local, remote *netip.AddrPort){
		"the client's port": func(local, remote *netip.AddrPort) {
			for _, e := range []*netip.AddrPort{local, remote} {
				if *e == own {
					*e = netip.AddrPortFrom(own.Addr(), 40099)
				}
			}
		},
		"the server's port": func(local, remote *netip.AddrPort) {
			for e, other := range map[*netip.AddrPort]netip.AddrPort{local: *remote, remote: *local} {
				if *e == server && other == own {
					*e = netip.AddrPortFrom(server.Addr(), 12001)
				}
			}
		},
	}
	witnesses := []string{"client1 packets", "client1 sockets", "client1 files", "client1 program", "router packets", "server packets", "server sockets", "server files", "server program"}
	for name, move := range moved {
		for set := 1; set < 1<<len(witnesses)-1; set++ {
			if !*all && set%13 != 0 {
				continue
			}
			s := evidencetest.Read(t, evidencetest.First)
			var altered []string
			for i, w := range witnesses {
				if set&(1<<i) == 0 {
					continue
				}
				altered = append(altered, w)
				host, witness, _ := strings.Cut(w, " ")
				h := s.Hosts[host]
				switch evidence.Witness(witness) {
				case evidence.Packets:
					for i := range h.Packets {
						move(&h.Packets[i].Source, &h.Packets[i].Destination)
					}
				case evidence.Sockets:
					for i := range h.Sockets {
						move(&h.Sockets[i].Local, &h.Sockets[i].Remote)
					}
				case evidence.Files:
					for i := range h.Files {
						move(&h.Files[i].Local, &h.Files[i].Remote)
					}
				case evidence.Program:
					for i := range h.Program {
						move(&h.Program[i].Local, &h.Program[i].Remote)
					}
				}
			}
			dir := t.TempDir()
			s.Write(t, dir)
			if len(flaws(load(t, dir))) == 0 {
				t.Errorf("%s in %q: nothing is wrong", name, altered)
			}
		}
	}
}

// sameRecords tells whether an edit says what was said before: JSON leaves zero
// values out.
func sameRecords(a, b []byte) bool {
	zeros := regexp.MustCompile(`"(recvQueue|sendQueue|inode|fd|uid|dropped|status)":0,?`)
	canonical := func(data []byte) string {
		var all []string
		for line := range bytes.Lines(data) {
			var record map[string]any
			if json.Unmarshal(zeros.ReplaceAll(line, nil), &record) == nil {
				text, _ := json.Marshal(record)
				line = text
			}
			all = append(all, string(line))
		}
		return strings.Join(all, "\n")
	}
	return bytes.Equal(a, b) || len(a) > 0 && a[0] == '{' && canonical(a) == canonical(b)
}

// alone are edits of what no other witness can tell, or that leave everything
// said as it was.
var alone = []*regexp.Regexp{
	// Descriptors that are no sockets, and a socket's number, only the open files tell.
	regexp.MustCompile(`^\w+\.files.*"type":"(FIFO|CHR|a_inode)".* (access|target|type|fd)`),
	regexp.MustCompile(`^\w+\.files.*"type":"(FIFO|CHR|a_inode)".* dropped`),
	regexp.MustCompile(`^client\d\.files.* fd=`),
	// The order of a dump's rows says nothing.
	regexp.MustCompile(`^\w+\.(files|sockets)\.jsonl:\d+ .*(swapped with the next|moved to the end)`),
	// Of one poll, how many bytes or connections waited, within what was sent.
	regexp.MustCompile(`^server\.sockets.*"snapshot":[234],.* (recvQueue|sendQueue)=`),
	regexp.MustCompile(`^server\.program\.jsonl:1[456] .*moved to the end`),
	// The time of a record of its own, within those of its neighbours.
	regexp.MustCompile(`^\w+\.(host|program|sockets).* time=2026-11-25T02:58`),
	regexp.MustCompile(`^\w+\.host.*"registered".* time`),
	// What a program says in another order, each with the same time.
	regexp.MustCompile(`^\w+\.program\.jsonl:\d+ .*swapped with the next`),
	// A program that says that it listens, and not where, says nothing of a socket.
	regexp.MustCompile(`^\w+\.program.*"event":"prompt".* event=listening`),
	// The agent's word on its program, and on queues.
	regexp.MustCompile(`^\w+\.host.*(event=not ready|idle removed|idle=false|status=1|kernel)`),
}

func oneWitnessAlone(name string) bool {
	return slices.ContainsFunc(alone, func(r *regexp.Regexp) bool { return r.MatchString(name) })
}

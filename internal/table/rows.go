package table

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// Tables are the tables of one run. They are not for several goroutines at once.
type Tables struct {
	run     *evidence.Run
	moments map[string]*moment
	made    map[request]made
}

// A request is what Rows was asked for.
type request struct {
	name string
	Span
}

type made struct {
	rows []*Row
	gap  Gap
}

// Open makes the tables of a run, each when it is first asked for.
func Open(run *evidence.Run) *Tables {
	return &Tables{run: run, moments: make(map[string]*moment), made: make(map[request]made)}
}

// A Span is what part of a run rows are taken from: the rows of the snapshot To,
// or the events from From, exclusive, to To, inclusive. An empty To is the last
// snapshot of the lab, and of steps the end of the run; an empty From is the
// beginning.
type Span struct{ From, To string }

// Rows are the rows of a table. Their gap is what keeps the table from being
// whole, so that it may lack rows: empty if nothing does. They are made once: the
// slice is not to be changed.
func (t *Tables) Rows(name string, span Span) (rows []*Row, gap Gap, err error) {
	kind, host, err := Find(t.run.Lab, name)
	if err != nil {
		return nil, Gap{}, err
	}
	if already, ok := t.made[request{name, span}]; ok {
		return already.rows, already.gap, nil
	}
	to, err := t.moment(span.To)
	if err != nil {
		return nil, Gap{}, err
	}
	var from *moment
	if span.From != "" {
		if from, err = t.moment(span.From); err != nil {
			return nil, Gap{}, err
		}
	}
	switch kind.Name {
	case "connections":
		rows, gap = t.connectionRows(from, to), t.connectionsGap(to)
	case "datagrams":
		rows, gap = t.datagramRows(from, to), t.datagramsGap(to)
	case "steps":
		rows, gap = t.stepRows(from, to, span.To == "")
	default:
		rows, gap = t.hostRows(kind.Name, host, from, to)
	}
	t.made[request{name, span}] = made{rows, gap}
	return rows, gap, nil
}

// A moment is a snapshot of the run.
type moment struct {
	name string
	step int // its number
	// hosts are all hosts that have anything.
	hosts map[string]*hostMoment
	// translator is why it is not known what a router translated.
	translator Gap
}

// A hostMoment is a host at a moment.
type hostMoment struct {
	*evidence.Host
	name string
	// taken says that the host took the snapshot: number is its dump's, time when
	// it was taken. Without it time is zero, and all events are until then.
	taken    bool
	snapshot string
	number   int
	time     time.Time
	// late says that its capture began after its program.
	late time.Duration
	// translates says that the lab lets it translate.
	translates bool
	// missing says, for witnesses, which records must have been there then and
	// are not, by other evidence.
	missing map[evidence.Witness]string
	// standings are those of hostWitnesses, with a bit each.
	standings standings
}

// hostWitnesses are a connection's on one host, in the order of
// evidence.ColumnNames.
var hostWitnesses = []evidence.Witness{evidence.Packets, evidence.Sockets, evidence.Files, evidence.Program}

// moment is a snapshot by its name; the last one of the lab for none.
func (t *Tables) moment(name string) (*moment, error) {
	if m := t.moments[name]; m != nil {
		return m, nil
	}
	m := &moment{hosts: make(map[string]*hostMoment)}
	for _, s := range t.run.Lab.Steps {
		if s.Action == topology.Snapshot && (name == "" || s.Name == name) {
			m.name, m.step = s.Name, s.Number
		}
	}
	if m.name == "" {
		return nil, fmt.Errorf("there is no snapshot %s%s", name, didYouMean(name, t.run.Lab.Snapshots()))
	}
	for _, lab := range t.run.Lab.Hosts {
		h := &hostMoment{Host: t.run.Hosts[lab.Name], name: lab.Name, snapshot: m.name, late: lab.CaptureAfter, translates: len(lab.Masquerade) > 0}
		if h.Host != nil {
			h.number, h.taken = h.Snapshots[m.name]
			for _, e := range h.Events {
				if e.Event == evidence.HostSnapshot && e.Name == m.name {
					h.time = e.Time
				}
			}
		}
		h.missing = t.missing(h)
		for i, w := range hostWitnesses {
			switch {
			case h.missing[w] != "":
				h.standings.set(1<<i, Contradicted)
			case h.gap(w).Why != "":
				h.standings.set(1<<i, Broken)
			default:
				h.standings.set(1<<i, Whole)
			}
		}
		m.hosts[lab.Name] = h
		if m.translator.Why == "" {
			m.translator = h.translator()
		}
	}
	t.moments[name] = m
	return m, nil
}

// host is a host of the lab at the moment, nil for any other.
func (m *moment) host(name string) *hostMoment { return m.hosts[name] }

// until is when the moment was on a host.
func (m *moment) until(host string) time.Time {
	if h := m.hosts[host]; h != nil {
		return h.time
	}
	return time.Time{}
}

// has tells whether something had happened on a host by then.
func (m *moment) has(host string, at time.Time) bool {
	until := m.until(host)
	return until.IsZero() || !at.After(until)
}

// add sets the standings of a host's witnesses, whose first bit is the given one.
func (s *standings) add(h *hostMoment, bit int) {
	if h != nil {
		s.whole |= h.standings.whole << bit
		s.broken |= h.standings.broken << bit
		s.contradicted |= h.standings.contradicted << bit
	}
}

// missing are the records that must have been there at a moment of a host.
func (t *Tables) missing(h *hostMoment) map[evidence.Witness]string {
	missing := make(map[evidence.Witness]string)
	for _, c := range t.run.Contradictions {
		if c.Host == h.name && c.Line == 0 && (c.Snapshot == 0 || c.Snapshot == h.number) && missing[c.Witness] == "" {
			missing[c.Witness] = c.Why
		}
	}
	return missing
}

// contradicted says what contradicts a host's records, by their lines: other
// records, captures without their connection, or what else there is of it.
func (t *Tables) contradicted(host string, w evidence.Witness) func(line int) string {
	lines := make(map[int]string)
	for _, o := range t.run.Orphans {
		if o.Host == host && o.Witness == w {
			lines[o.Line] = fmt.Sprintf("line %d: %s", o.Line, o.What)
		}
	}
	for _, c := range t.run.Contradictions {
		if c.Host == host && c.Witness == w && c.Line != 0 {
			lines[c.Line] = fmt.Sprintf("line %d: %s", c.Line, c.Why)
		}
	}
	return func(line int) string {
		if why := lines[line]; why != "" {
			return why
		}
		c, role := t.run.SideOf(host, w, line)
		if column := role + "." + string(w); c != nil && c.Contradicted[column] {
			return c.Lacks[column]
		}
		return ""
	}
}

// defect says why a witness's evidence is not whole, or that of the agent, who
// vouches for it.
func (h *hostMoment) defect(w evidence.Witness) string {
	return cmp.Or(h.Defect(evidence.Agent), h.Defect(w))
}

// gap is why a witness's evidence at the moment is not whole.
func (h *hostMoment) gap(w evidence.Witness) Gap {
	if why := h.Defect(evidence.Agent); why != "" {
		return Gap{h.name + ".host", why}
	}
	if why := h.Defect(w); why != "" {
		return Gap{h.name + "." + string(w), why}
	}
	if !h.taken {
		return Gap{h.name + ".host", fmt.Sprintf("the snapshot %s was not taken", h.snapshot)}
	}
	return Gap{}
}

// tableGap is why rows of the witness's table may be missing.
func (h *hostMoment) tableGap(w evidence.Witness) Gap {
	gap := h.gap(w)
	switch {
	case gap.Why != "":
	case h.missing[w] != "":
		gap = Gap{h.name + "." + string(w), h.missing[w]}
	case w == evidence.Packets && h.late != 0:
		gap = Gap{h.name + ".packets", fmt.Sprintf("its capture began %s after its program", h.late)}
	}
	return gap
}

// translator is why it is not known whether the host is an end of a connection,
// or only translated it: a router of which the evidence that tells is broken.
func (h *hostMoment) translator() Gap {
	for _, w := range []evidence.Witness{evidence.Agent, evidence.Packets, evidence.Conntrack} {
		if why := h.Defect(w); why != "" && h.translates {
			return Gap{h.name + "." + string(w), why}
		}
	}
	return Gap{}
}

// hostRows are the rows of a host's table.
func (t *Tables) hostRows(what, host string, from, to *moment) ([]*Row, Gap) {
	h := to.host(host)
	gap := h.tableGap(evidence.Witness(what))
	if h.Host == nil {
		return nil, gap
	}
	contradicted := t.contradicted(host, evidence.Witness(what))
	in := &source{tables: t, host: h.Host, to: to, gaps: func(r *Row, witness string) Gap {
		if gap := h.gap(evidence.Witness(witness)); gap.Why != "" {
			return gap
		}
		why := h.missing[evidence.Witness(witness)]
		if witness == what {
			why = contradicted(r.Line)
		}
		return Gap{host + "." + witness, why}
	}}
	row := Row{File: evidence.FileName(host, evidence.Witness(what)), kind: kindOf(what), source: in}
	for i, w := range row.kind.witnesses {
		switch {
		case h.gap(evidence.Witness(w)).Why != "":
			row.of.set(1<<i, Broken)
		case w != what && h.missing[evidence.Witness(w)] != "":
			row.of.set(1<<i, Contradicted)
		default:
			row.of.set(1<<i, Whole)
		}
	}
	within := func(at time.Time) bool { return to.has(host, at) && (from == nil || !from.has(host, at)) }
	switch what {
	case "sockets":
		existed := h.InodesBefore()
		return rowsOf(row, contradicted, evidence.Dump(h.Sockets, h.number), func(s *evidence.Socket) (int, bool) { return s.Line, h.taken && !existed[s.Inode] }), gap
	case "files":
		return rowsOf(row, contradicted, evidence.Dump(h.Files, h.number), func(f *evidence.File) (int, bool) { return f.Line, h.taken }), gap
	case "conntrack":
		return rowsOf(row, contradicted, evidence.Dump(h.Translations, h.number), func(t *evidence.Translation) (int, bool) { return t.Line, h.taken }), gap
	case "packets":
		return rowsOf(row, contradicted, h.Packets, func(p *evidence.Packet) (int, bool) { return p.Number, within(p.Time) }), gap
	default:
		return rowsOf(row, contradicted, h.Program, func(e *evidence.ProgramEvent) (int, bool) { return e.Line, within(e.Time) }), gap
	}
}

// rowsOf makes rows of a host's records, of those that are wanted.
func rowsOf[R any](row Row, contradicted func(line int) string, records []R, wanted func(*R) (line int, ok bool)) []*Row {
	rows := make([]Row, 0, len(records))
	for i := range records {
		line, ok := wanted(&records[i])
		if !ok {
			continue
		}
		one := row
		one.Line, one.record = line, &records[i]
		if contradicted(line) != "" {
			one.of.set(1, Contradicted) // the table's own witness is the first
		}
		one.byHost = one.of
		rows = append(rows, one)
	}
	return pointers(rows)
}

func pointers(rows []Row) []*Row {
	all := make([]*Row, len(rows))
	for i := range rows {
		all[i] = &rows[i]
	}
	return all
}

func kindOf(name string) *Kind {
	return &kinds[slices.IndexFunc(kinds, func(k Kind) bool { return k.Name == name })]
}

// connectionsGap is what could hide a connection, or part of one.
func (t *Tables) connectionsGap(to *moment) Gap {
	if gap := t.packetsGap(to); gap.Why != "" {
		return gap
	}
	if len(t.run.Orphans) > 0 {
		o := t.run.Orphans[0]
		return Gap{o.Host + "." + string(o.Witness), fmt.Sprintf("%s, %d: %s", evidence.FileName(o.Host, o.Witness), o.Line, o.What)}
	}
	for i := range t.run.Connections {
		if c := &t.run.Connections[i]; c.Outcome == evidence.Unknown {
			return Gap{Why: fmt.Sprintf("what became of %s is not known", c.FourTuple)}
		}
	}
	return Gap{}
}

// datagramsGap is what could hide a datagram.
func (t *Tables) datagramsGap(to *moment) Gap {
	if gap := t.packetsGap(to); gap.Why != "" {
		return gap
	}
	for _, o := range t.run.Orphans {
		if o.Witness == evidence.Packets {
			return Gap{o.Host + "." + string(o.Witness), fmt.Sprintf("%s, %d: %s", evidence.FileName(o.Host, o.Witness), o.Line, o.What)}
		}
	}
	return Gap{}
}

// packetsGap is what the captures of a run lack, and what is needed to join
// them.
func (t *Tables) packetsGap(to *moment) Gap {
	if len(t.run.Defects) > 0 {
		return Gap{Why: t.run.Defects[0]}
	}
	for _, lab := range t.run.Lab.Hosts {
		h := to.host(lab.Name)
		if gap := h.tableGap(evidence.Packets); gap.Why != "" {
			return gap
		}
		if gap := h.tableGap(evidence.Conntrack); gap.Why != "" && lab.Translates() {
			return gap
		}
	}
	return Gap{}
}

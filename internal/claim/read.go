package claim

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/table"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// A statement is a claim that was read.
type statement struct {
	name string
	// key is the quantifier's name, or the macro's.
	key  string
	says topology.Text
	// expected and missing are as in Finding.
	expected Outcome
	missing  string

	quantifier *quantifier
	table      string
	span       table.Span
	quorum     table.Quorum
	// where and is are nil where the claim has none: then they are true.
	where, is *table.Expression
	of        []string
	n         *interval
	// events are the two of before, parts what all is made of.
	events []*statement
	parts  []*statement
}

// commonKeys are those that every claim takes.
var commonKeys = []string{"says", "expect", "at"}

// A reader reads claims, and finds what is wrong with them.
type reader struct {
	lab       *topology.Lab
	snapshots []string
	faults    []topology.Fault
}

func newReader(lab *topology.Lab) *reader {
	return &reader{lab: lab, snapshots: lab.Snapshots()}
}

// keys are the keys of one claim, or of one part of it, with the way to them.
type keys struct {
	*reader
	at     []string
	values map[string]any
	// what is the quantifier's name, once it is known.
	what string
}

func (k *keys) fault(key, format string, args ...any) { k.faultAt(key, 0, format, args...) }

func (k *keys) faultAt(key string, offset int, format string, args ...any) {
	at := slices.Clone(k.at)
	if key != "" {
		at = append(at, strings.Split(key, "\x00")...)
	}
	k.faults = append(k.faults, topology.Fault{Key: at, Offset: offset, Reason: fmt.Sprintf(format, args...)})
}

// within names an entry of a list or of a mapping that is a key's value.
func within(key string, entry any) string {
	if i, ok := entry.(int); ok {
		entry = fmt.Sprintf("[%d]", i)
	}
	return fmt.Sprintf("%s\x00%s", key, entry)
}

// entry are the keys of an entry of a list.
func (k *keys) entry(key string, i int, values map[string]any) *keys {
	return &keys{reader: k.reader, at: slices.Concat(k.at, []string{key, fmt.Sprintf("[%d]", i)}), values: values}
}

// claim reads a claim. What it returns can be judged only if there are no
// faults.
func (r *reader) claim(c topology.Claim) *statement {
	k := &keys{reader: r, at: []string{"claims", c.Name}, values: c.Keys}
	s := &statement{name: c.Name, expected: Holds}
	if c.Name == agreeName {
		k.fault("", "it is built in and judged in every lab: leave it out")
		return s
	}
	if len(k.quantifiers()) == 0 {
		if m, ok := macros[c.Name]; ok {
			k.macro(s, m)
			return s
		}
	}
	k.statement(s)
	return s
}

// quantifiers are those that the keys name, in the order of the list of them.
func (k *keys) quantifiers() (named []*quantifier) {
	for i := range quantifiers {
		if _, ok := k.values[quantifiers[i].name]; ok {
			named = append(named, quantifiers[i])
		}
	}
	return named
}

// statement reads a claim that has a quantifier.
func (k *keys) statement(s *statement) {
	named := k.quantifiers()
	switch {
	case len(named) == 0:
		if k.allow(slices.Concat(commonKeys, []string{"where", "is", "of", "n", "witnesses", "seen-by"}, quantifierNames())) {
			k.fault("", "it does not say of which rows: it needs one of %s%s", strings.Join(quantifierNames(), ", "), k.perhapsMacro())
		}
		return
	case len(named) > 1:
		k.fault(named[1].name, "%s and %s cannot stand in one claim: make two of it", named[0].name, named[1].name)
		return
	}
	q := named[0]
	s.key, s.quantifier, k.what = q.name, q, q.name
	if !k.allow(slices.Concat(commonKeys, []string{q.name}, q.keys)) {
		return
	}
	for _, needed := range q.needs {
		if _, ok := k.values[needed]; !ok {
			k.fault("", "%s needs %s: %s", q.name, needed, q.doc)
		}
	}
	k.common(s)
	q.read(k, s)
}

// perhapsMacro names the macro that a claim without a quantifier may be meant
// to be.
func (k *keys) perhapsMacro() string {
	name := k.at[len(k.at)-1]
	if near := topology.Nearest(name, macroNames()); len(k.at) == 2 && near != "" {
		return fmt.Sprintf(", or the name of a macro: did you mean %s?", near)
	}
	return ""
}

// allow refuses all keys but the allowed ones.
func (k *keys) allow(allowed []string) bool {
	fine := true
	for _, key := range slices.Sorted(maps.Keys(k.values)) {
		if slices.Contains(allowed, key) {
			continue
		}
		fine = false
		if slices.Contains(allKeys(), key) {
			k.fault(key, "it does not go with %s: there are %s", k.what, strings.Join(allowed, ", "))
			continue
		}
		k.fault(key, "there is no such key%s", meant(key, allowed))
	}
	return fine
}

// common reads the keys that every claim takes.
func (k *keys) common(s *statement) {
	if said, ok := k.values["says"]; ok {
		s.says = k.says("says", said)
	}
	if expect, ok := k.values["expect"]; ok {
		s.expected, s.missing = k.expect(expect)
	}
	if at, ok := k.values["at"]; ok {
		s.span = k.span(at)
	}
}

func (k *keys) says(key string, value any) (text topology.Text) {
	switch said := value.(type) {
	case string:
		return topology.Text{EN: said}
	case map[string]any:
		for _, language := range slices.Sorted(maps.Keys(said)) {
			line, ok := said[language].(string)
			switch {
			case language != "en" && language != "ko":
				k.fault(within(key, language), "the languages are en and ko")
			case !ok:
				k.fault(within(key, language), "it must be text")
			case language == "en":
				text.EN = line
			default:
				text.KO = line
			}
		}
	default:
		k.fault(key, "it must be text, or text in en and ko")
	}
	return text
}

// expect reads what outcome a claim is to have.
func (k *keys) expect(value any) (expected Outcome, missing string) {
	switch v := value.(type) {
	case string:
		switch v {
		case string(Holds), string(Refuted):
			return Outcome(v), ""
		case "not-shown", string(NotShown):
			k.fault("expect", "name the witness whose absence is expected, as {not-shown: %s}", k.example(".packets"))
			return Holds, ""
		}
		k.fault("expect", "there is no such outcome%s", meant(v, []string{"holds", "refuted", "{not-shown: HOST.WITNESS}"}))
	case map[string]any:
		missing, ok := v["not-shown"].(string)
		if !ok || len(v) != 1 {
			k.fault("expect", "it must be holds, refuted or {not-shown: %s}", k.example(".packets"))
			return Holds, ""
		}
		if why := k.refuseWitness(missing); why != "" {
			k.fault(within("expect", "not-shown"), "%s", why)
		}
		return NotShown, missing
	default:
		k.fault("expect", "it must be holds, refuted or {not-shown: %s}", k.example(".packets"))
	}
	return Holds, ""
}

// hostWitnesses are the witnesses of a host that may be missing.
var hostWitnesses = []string{
	string(evidence.Packets), string(evidence.Sockets), string(evidence.Files), string(evidence.Program),
	string(evidence.Conntrack), string(evidence.Agent),
}

// example is a name of the lab's first host: HOST.packets for ".packets".
func (k *keys) example(of string) string {
	if len(k.lab.Hosts) == 0 {
		return "HOST" + of
	}
	return k.lab.Hosts[0].Name + of
}

// refuseWitness says why a name is no witness of the lab's.
func (r *reader) refuseWitness(name string) string {
	host, witness, ok := cutLast(name, ".")
	if !ok {
		return fmt.Sprintf("%q is no witness: name the host and one of %s, as HOST.packets", name, strings.Join(hostWitnesses, ", "))
	}
	if _, ok := r.lab.Host(host); !ok {
		return fmt.Sprintf("there is no host %s%s", host, meant(host, r.lab.HostNames()))
	}
	if !slices.Contains(hostWitnesses, witness) {
		return fmt.Sprintf("there is no witness %s%s", witness, meant(witness, hostWitnesses))
	}
	return ""
}

func cutLast(s, separator string) (before, after string, found bool) {
	i := strings.LastIndex(s, separator)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(separator):], true
}

// span reads what part of a run a claim is about.
func (k *keys) span(value any) table.Span {
	switch v := value.(type) {
	case string:
		k.snapshot("at", v)
		return table.Span{To: v}
	case []any:
		if len(v) != 2 {
			k.fault("at", "it must be the name of a snapshot, or two of them: [from, to]")
			return table.Span{}
		}
		from, _ := v[0].(string)
		to, _ := v[1].(string)
		fine := k.snapshot(within("at", 0), from)
		if k.snapshot(within("at", 1), to) && fine && slices.Index(k.snapshots, from) >= slices.Index(k.snapshots, to) {
			k.fault("at", "the snapshot %s is not before %s", from, to)
		}
		return table.Span{From: from, To: to}
	}
	k.fault("at", "it must be the name of a snapshot, or two of them: [from, to]")
	return table.Span{}
}

func (k *keys) snapshot(key, name string) bool {
	if slices.Contains(k.snapshots, name) {
		return true
	}
	k.fault(key, "there is no snapshot %q%s", name, meant(name, k.snapshots))
	return false
}

// rows reads the keys that say which rows a claim is about: its table, where
// and witnesses. It returns nil if there is no such table.
func (k *keys) rows(s *statement, key string) *table.Kind {
	name, ok := k.values[key].(string)
	if !ok {
		k.fault(key, "it must be the name of a table, as connections or %s", k.example(".sockets"))
		return nil
	}
	kind, host, err := table.Find(k.lab, name)
	if err != nil {
		k.fault(key, "%v", err)
		return nil
	}
	s.table = name
	if s.span.From != "" && kind.Dumped {
		k.fault("at", "the rows of %s are those of one snapshot: name one", name)
	}
	s.where = k.expression(&kind, host, "where")
	s.is = k.expression(&kind, host, "is")
	return &kind
}

// expression reads an expression on one row, which must be a condition; nil if
// there is none.
func (k *keys) expression(kind *table.Kind, host, key string) *table.Expression {
	value, ok := k.values[key]
	if !ok {
		return nil
	}
	text, ok := value.(string)
	if !ok {
		if b, is := value.(bool); is {
			text = strconv.FormatBool(b)
		} else {
			k.fault(key, "it must be an expression in text, as 'state == \"LISTEN\"'")
			return nil
		}
	}
	return k.condition(kind, host, key, text)
}

// condition compiles an expression that must be a bool, and that can be both
// true and false.
func (k *keys) condition(kind *table.Kind, host, key, text string) *table.Expression {
	e, err := kind.Compile(text)
	if err != nil {
		offset := 0
		if wrong, ok := err.(*table.SyntaxError); ok {
			offset = wrong.Offset
		}
		k.faultAt(key, offset, "%v", err)
		return nil
	}
	if !e.Bool {
		k.fault(key, "it must be true or false of a row, as '%s == …': it is neither", text)
		return nil
	}
	for _, wrong := range neverMatches(k.lab, kind, host, text) {
		k.faultAt(key, wrong.Offset, "%s", wrong.Reason)
	}
	return e
}

// columns reads the columns that rows are compared by.
func (k *keys) columns(s *statement, kind *table.Kind) {
	list, ok := k.values["of"].([]any)
	if text, is := k.values["of"].(string); is {
		list, ok = []any{text}, true
	}
	if !ok || len(list) == 0 {
		if _, given := k.values["of"]; given {
			k.fault("of", "it must be a list of columns, as [%s]", kind.Columns[0].Name)
		}
		return
	}
	for i, value := range list {
		name, _ := value.(string)
		if kind.Column(name) == nil {
			k.fault(within("of", i), "%s has no column %v%s", s.table, value, meant(name, kind.ColumnNames()))
			continue
		}
		if slices.Contains(s.of, name) {
			k.fault(within("of", i), "%s is named twice: remove one", name)
			continue
		}
		s.of = append(s.of, name)
	}
}

// quorumOf reads whose word counts, and how many of them there must be. It
// comes after the expressions and columns that the claim uses.
func (k *keys) quorumOf(s *statement, kind *table.Kind) {
	can := tellers(kind, s.uses())
	if value, ok := k.values["witnesses"]; ok {
		list, isList := value.([]any)
		if !isList || len(list) == 0 {
			k.fault("witnesses", "it must be a list of witnesses, as [%s]", strings.Join(can, ", "))
			return
		}
		for i, v := range list {
			name, _ := v.(string)
			switch {
			case !slices.Contains(can, name):
				k.fault(within("witnesses", i), "%v can tell nothing of what the claim looks at%s", v, meant(name, can))
			case slices.Contains(s.quorum.Witnesses, name):
				k.fault(within("witnesses", i), "%s is named twice: remove one", name)
			default:
				s.quorum.Witnesses = append(s.quorum.Witnesses, name)
			}
		}
		can = s.quorum.Witnesses
	}
	value, ok := k.values["seen-by"]
	if !ok {
		return
	}
	n, ok := wholeNumber(value)
	if !ok || n < 1 || n > len(can) {
		k.fault("seen-by", "it must be a number from 1 to %d: that many witnesses can tell", max(len(can), 1))
		return
	}
	s.quorum.SeenBy = n
}

// uses are the columns that a statement looks at.
func (s *statement) uses() []string {
	columns := slices.Clone(s.of)
	for _, e := range []*table.Expression{s.where, s.is} {
		if e != nil {
			columns = append(columns, e.Columns...)
		}
	}
	return columns
}

// tellers are the witnesses that can tell one of the columns; if there are no
// columns, those that can tell any.
func tellers(kind *table.Kind, columns []string) (witnesses []string) {
	for i := range kind.Columns {
		c := &kind.Columns[i]
		if len(columns) > 0 && !slices.Contains(columns, c.Name) {
			continue
		}
		for _, w := range c.Witnesses {
			if !slices.Contains(witnesses, w) {
				witnesses = append(witnesses, w)
			}
		}
	}
	return witnesses
}

// wholeNumber reads a number as YAML and JSON have it.
func wholeNumber(value any) (int, bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(fmt.Sprint(value)), 10, 32)
	if f, ok := value.(float64); ok && f == float64(int32(f)) {
		return int(f), true
	}
	return int(n), err == nil
}

// An interval is what numbers a claim allows, or what number of rows there may
// be: from least to most, both inclusive.
type interval struct{ least, most int }

// unbounded is more rows than there can be.
const unbounded = int(^uint(0) >> 1)

func (i interval) within(j interval) bool   { return i.least >= j.least && i.most <= j.most }
func (i interval) disjoint(j interval) bool { return i.least > j.most || i.most < j.least }

// number reads n.
func (k *keys) number(s *statement) {
	value, ok := k.values["n"]
	if !ok {
		return
	}
	if n, ok := wholeNumber(value); ok && n >= 0 {
		s.n = &interval{n, n}
		return
	}
	text, _ := value.(string)
	if n, ok := parseNumber(text); ok {
		s.n = &n
		return
	}
	k.fault("n", "it must be a number of rows, as 3, '>= 3', '< 3' or '2..4'")
}

func parseNumber(text string) (interval, bool) {
	if from, to, ok := strings.Cut(text, ".."); ok {
		least, fine := wholeNumber(from)
		most, fine2 := wholeNumber(to)
		return interval{least, most}, fine && fine2 && least >= 0 && most >= least
	}
	text = strings.TrimSpace(text)
	for _, operator := range []string{">=", "<=", "==", ">", "<"} {
		rest, ok := strings.CutPrefix(text, operator)
		if !ok {
			continue
		}
		n, ok := wholeNumber(rest)
		if !ok || n < 0 {
			return interval{}, false
		}
		switch operator {
		case ">=":
			return interval{n, unbounded}, true
		case "<=":
			return interval{0, n}, true
		case ">":
			return interval{n + 1, unbounded}, true
		case "<":
			return interval{0, n - 1}, n > 0
		}
		return interval{n, n}, true
	}
	return interval{}, false
}

// phrase says the numbers of rows in words: "at least 3". In Korean it is what
// 다 follows.
func (i interval) phrase() (en, ko string) {
	switch {
	case i.least == i.most:
		return strconv.Itoa(i.least), fmt.Sprintf("%d개", i.least)
	case i.most == unbounded:
		return fmt.Sprintf("at least %d", i.least), fmt.Sprintf("%d개 이상이", i.least)
	case i.least == 0:
		return fmt.Sprintf("at most %d", i.most), fmt.Sprintf("%d개 이하이", i.most)
	}
	return fmt.Sprintf("%d to %d", i.least, i.most), fmt.Sprintf("%d개에서 %d개", i.least, i.most)
}

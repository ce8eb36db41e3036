package table

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

var kinds = complete(sockets, files, packets, program, conntrack, connections, datagrams, steps)

// complete works out what follows from the columns of the kinds.
func complete(kinds ...Kind) []Kind {
	for i := range kinds {
		k := &kinds[i]
		k.compiler = new(compiler)
		for n := range k.Columns {
			c := &k.Columns[n]
			if c.Witnesses == nil {
				if c.Witnesses = k.witnesses; k.OfHost {
					c.Witnesses = k.witnesses[:1]
				}
			}
			c.mask, c.source, c.unchanged = k.maskOf(c.Witnesses), k.maskOf([]string{c.from}), ^mask(0)
			if c.within != nil {
				c.unchanged = k.maskOf(c.within)
			}
		}
	}
	return kinds
}

// Kinds are all kinds of tables, in the order in which they are listed.
func Kinds() []Kind { return kinds }

// Find is the kind of a table of the lab; its error names the nearest right
// word. The host is empty for a joined table.
func Find(lab *topology.Lab, name string) (kind Kind, host string, err error) {
	host, what := "", name
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
		host, what = name[:dot], name[dot+1:]
	}
	var all []string
	for _, k := range kinds {
		if !k.OfHost {
			all = append(all, k.Name)
		}
		if k.Name != what {
			continue
		}
		if !k.OfHost && host != "" {
			return Kind{}, "", fmt.Errorf("there is no table %s: %s is of the whole run, and no host's", name, what)
		}
		if k.OfHost && host == "" {
			break
		}
		if host == "" {
			return k, "", nil
		}
		if h, ok := lab.Host(host); ok {
			return k, host, k.has(h)
		}
	}
	for _, h := range lab.Hosts {
		for i := range kinds {
			if kinds[i].OfHost && kinds[i].has(&h) == nil {
				all = append(all, h.Name+"."+kinds[i].Name)
			}
		}
	}
	if _, isHost := lab.Host(name); isHost {
		return Kind{}, "", fmt.Errorf("%s is a host and not a table, as %s.sockets is", name, name)
	}
	return Kind{}, "", fmt.Errorf("there is no table %s%s", name, didYouMean(name, all))
}

// has says why a host has no such table, if it has none.
func (k *Kind) has(h *topology.Host) error {
	switch {
	case k.Name == "conntrack" && !h.Translates():
		return fmt.Errorf("%s translates nothing, so there is no %[1]s.conntrack", h.Name)
	case (k.Name == "program" || k.Name == "files") && len(h.Program)+len(h.Programs) == 0:
		return fmt.Errorf("%s has no program, so there is no %[1]s.%s", h.Name, k.Name)
	}
	return nil
}

// Column is the column of that name, nil if there is none.
func (k *Kind) Column(name string) *Column {
	for i := range k.Columns {
		if k.Columns[i].Name == name {
			return &k.Columns[i]
		}
	}
	return nil
}

// ColumnNames are the names of all columns.
func (k *Kind) ColumnNames() (names []string) {
	for i := range k.Columns {
		names = append(names, k.Columns[i].Name)
	}
	return names
}

func (k *Kind) noColumn(name string) string {
	return fmt.Sprintf("there is no column %s in %s%s", name, k.Name, didYouMean(name, k.ColumnNames()))
}

// didYouMean names the right words that begin as a wrong one does, else the
// nearest of them, if one is near.
func didYouMean(word string, all []string) string {
	var longer, parts []string
	whole := make(map[string]string) // by the part after the dot
	for _, right := range all {
		if word != "" && strings.HasPrefix(right, word) {
			longer = append(longer, right)
		}
		_, last, _ := strings.Cut(right, ".")
		for _, part := range []string{right, last} {
			if part != "" && whole[part] == "" {
				whole[part] = right
				parts = append(parts, part)
			}
		}
	}
	best := whole[topology.Nearest(word, parts)]
	if len(longer) > 0 {
		best = strings.Join(longer[:min(len(longer), 3)], " or ")
	}
	switch {
	case best != "":
		return fmt.Sprintf("; did you mean %s?", best)
	case len(all) > 20:
		return `: "lab help tables" lists what there is`
	}
	return ": there are " + strings.Join(all, ", ")
}

// of makes a column's value of a function on the records of its kind.
func of[R, V any](value func(*R) V) func(*Row) any {
	return func(r *Row) any { return value(r.record.(*R)) }
}

// endpoint are the two columns of an endpoint. Its names are the endpoint's and
// "address" and "port", with a dot between them.
func endpoint(name, doc string, column Column, get func(*Row) netip.AddrPort) []Column {
	a, p := column, column
	a.Name, a.Type, a.Doc = name+".address", "string", "the address of "+doc
	a.value = func(r *Row) any { return address(get(r)) }
	p.Name, p.Type, p.Doc = name+".port", "int", "the port of "+doc
	p.value = func(r *Row) any { return int64(get(r).Port()) }
	return []Column{a, p}
}

// address is an endpoint's address, an IPv4-mapped one as the IPv4 address it
// is.
func address(e netip.AddrPort) string {
	if !e.IsValid() {
		return ""
	}
	return e.Addr().Unmap().String()
}

// The values of columns that have few.
var (
	protocols = []string{evidence.TCP, evidence.UDP}
	families  = []string{"ipv4", "ipv6"}
	states    = []string{
		evidence.Established, evidence.SynSent, evidence.SynReceived, evidence.FinWait1, evidence.FinWait2, evidence.TimeWait,
		evidence.Closed, evidence.CloseWait, evidence.LastAck, evidence.Listen, evidence.Closing,
	}
)

// protocol is tcp or udp, of a socket of either family.
func protocol(name string) string { return strings.TrimSuffix(name, "6") }

// family is ipv4 or ipv6, of tcp and udp or of tcp6 and udp6; empty of no socket.
func family(protocol string) string {
	switch {
	case protocol == "":
		return ""
	case strings.HasSuffix(protocol, "6"):
		return families[1]
	}
	return families[0]
}

// timeText writes a time so that texts of two compare as the times do.
func timeText(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000000Z") }

// instant is the time of what happens at once.
func instant(t time.Time) (from, until time.Time) { return t, t }

// valid is text as CEL can have it.
func valid(text []byte) string { return strings.ToValidUTF8(string(text), "\ufffd") }

// printed is an endpoint as netstat prints it.
func printed(e netip.AddrPort) string {
	host := "*"
	if e.IsValid() {
		host = e.Addr().String()
	}
	if e.Port() == 0 {
		return host + ":*"
	}
	return fmt.Sprintf("%s:%d", host, e.Port())
}

// words joins what is not empty with spaces.
func words(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " ")
}

// when is the text, or nothing unless it is said.
func when(said bool, format string, args ...any) string {
	if !said {
		return ""
	}
	return fmt.Sprintf(format, args...)
}

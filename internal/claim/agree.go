package claim

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/table"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// agreeName is the claim that is judged in every lab: all witnesses have whole
// evidence of every connection and datagram, and none contradicts another. It
// holds or is not shown: witnesses that do not agree, or do not speak, show
// nothing.
const agreeName = "witnesses-agree"

var agreeText = topology.Text{
	EN: "all witnesses agree on every connection and datagram",
	KO: "모든 증인이 모든 연결과 데이터그램에 대해 일치한다",
}

// agree judges that claim. Where the lab's own claims expect that a witness is
// missing, that one may lack.
func (j *judge) agree(expected []string) Finding {
	f := Finding{Claim: agreeName, Key: agreeName, Text: agreeText, Expected: Holds, Outcome: NotShown, Rows: []Row{}}
	gaps := j.allGaps()
	others := slices.DeleteFunc(slices.Clone(gaps), func(g table.Gap) bool { return slices.Contains(expected, g.Witness) })
	why := cmp.Or(j.flaw, j.unbelievable())
	switch {
	case why != "":
		f.Reason = why
	case len(others) > 0:
		f.Reason = gapText(others[0])
	case len(gaps) > 0:
		f.Reason = gapText(gaps[0])
		f.Expected, f.Missing, f.AsExpected = NotShown, gaps[0].Witness, true
	default:
		f.Outcome, f.Reason, f.AsExpected = Holds, j.agreement(), true
	}
	return f
}

// allGaps are all witnesses that lack something, or contradict, in the order of
// hosts and then of what was joined.
func (j *judge) allGaps() (gaps []table.Gap) {
	for _, name := range j.run.Names() {
		h := j.run.Hosts[name]
		for _, w := range []evidence.Witness{evidence.Agent, evidence.Packets, evidence.Sockets, evidence.Files, evidence.Program, evidence.Conntrack} {
			if why := h.Defect(w); why != "" {
				gaps = append(gaps, table.Gap{Witness: name + "." + string(w), Why: why})
			}
		}
	}
	for i := range j.run.Connections {
		c := &j.run.Connections[i]
		sides := map[string]string{"client": c.Client.Host, "server": c.Server.Host}
		gaps = append(gaps, j.lacking(c.Lacks, sides, c.Path, nameOf(c.Client.Host, c.Source)+" -> "+nameOf(c.Server.Host, c.Destination))...)
		for _, conflict := range c.Conflicts {
			gaps = append(gaps, table.Gap{Why: conflict})
		}
		if c.Outcome == evidence.Unknown {
			gaps = append(gaps, table.Gap{Why: fmt.Sprintf("%s: what became of it cannot be told", c.FourTuple)})
		}
	}
	for _, c := range j.run.Contradictions {
		gaps = append(gaps, table.Gap{Witness: c.Host + "." + string(c.Witness), Why: contradictionText(c)})
	}
	for i := range j.run.Datagrams {
		d := &j.run.Datagrams[i]
		sides := map[string]string{"sender": d.Sender.Host, "receiver": d.Receiver.Host}
		gaps = append(gaps, j.lacking(d.Lacks, sides, d.Path, d.FourTuple.String())...)
	}
	return gaps
}

func contradictionText(c evidence.Contradiction) string {
	if c.Line == 0 {
		return c.Why
	}
	return fmt.Sprintf("%s:%d: %s", evidence.FileName(c.Host, c.Witness), c.Line, c.Why)
}

// lacking are the gaps of one connection or datagram, in the order in which its
// witnesses are listed.
func (j *judge) lacking(lacks, sides map[string]string, path []evidence.Hop, what string) (gaps []table.Gap) {
	for _, column := range witnessNames {
		why := lacks[column]
		if why == "" {
			continue
		}
		side, witness, _ := strings.Cut(column, ".")
		host := sides[side]
		if side == "router" {
			host = j.routerOf(path, why)
		}
		if host != "" {
			column = host + "." + witness
		}
		gaps = append(gaps, table.Gap{Witness: column, Why: why + ", of " + what})
	}
	return gaps
}

// routerOf is the router whose capture is not whole; empty if that cannot be
// told.
func (j *judge) routerOf(path []evidence.Hop, why string) string {
	for _, name := range j.run.Names() {
		if strings.HasPrefix(why, name+":") || strings.HasPrefix(why, name+" ") {
			return name
		}
	}
	if len(path) == 1 {
		return path[0].Host
	}
	return ""
}

// agreement says how many witnesses agree on how many connections and datagrams.
func (j *judge) agreement() string {
	var parts []string
	if n := len(j.run.Connections); n > 0 {
		parts = append(parts, spread(n, "connection", func(i int) int { return len(j.run.Connections[i].Lacks) }))
	}
	if n := len(j.run.Datagrams); n > 0 {
		parts = append(parts, spread(n, "datagram", func(i int) int { return len(j.run.Datagrams[i].Lacks) }))
	}
	if len(parts) == 0 {
		return "there were no connections and no datagrams, and every host's evidence is whole"
	}
	return strings.Join(parts, ", ")
}

func spread(n int, what string, witnesses func(int) int) string {
	least, most := witnesses(0), witnesses(0)
	for i := range n {
		least, most = min(least, witnesses(i)), max(most, witnesses(i))
	}
	many := fmt.Sprint(most)
	if least < most {
		many = fmt.Sprintf("%d to %d", least, most)
	}
	plural := "witnesses"
	if most == 1 {
		plural = "witness"
	}
	return fmt.Sprintf("%s %s on each of %s", many, plural, counted(n, what, what+"s"))
}

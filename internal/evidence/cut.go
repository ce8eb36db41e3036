package evidence

import (
	"slices"
	"time"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// A gap is a time in which packets need not have come from one point of a way
// to another. Between the two others may begin there, where both is set.
type gap struct {
	from, until time.Time // zero: from the beginning, to the end
	both        bool
}

func (g gap) contains(t time.Time) bool {
	return !t.Before(g.from) && (g.until.IsZero() || !t.After(g.until))
}

// A cut is a time in which a router forwards nothing between two subnets.
type cut struct {
	gap
	subnets []string // sorted
}

// cutsOf are the routers' cuts, by what the lab has and when its steps were
// done. A step is done some time between the one before and its own end.
func cutsOf(r *Run) map[string][]cut {
	type done struct {
		host string
		step int
	}
	at, all := make(map[done]time.Time), make(map[int]time.Time)
	for name, h := range r.Hosts {
		for _, e := range h.Events {
			if e.Event == HostStep {
				at[done{name, e.Step}] = e.Time
				all[e.Step] = later(all[e.Step], e.Time)
			}
		}
	}
	cuts := make(map[string][]cut)
	var last time.Time
	for i := range r.Lab.Steps {
		s := &r.Lab.Steps[i]
		subnets := slices.Sorted(slices.Values(s.Subnets))
		for _, host := range s.Hosts() {
			switch s.Action {
			case topology.Cut:
				cuts[host] = append(cuts[host], cut{gap{from: last}, subnets})
			case topology.Mend:
				for k := range cuts[host] {
					if c := &cuts[host][k]; c.until.IsZero() && slices.Equal(c.subnets, subnets) {
						if c.until = at[done{host, s.Number}]; !c.until.IsZero() {
							c.until = c.until.Add(tableSlack)
						}
					}
				}
			}
		}
		last = later(last, all[s.Number])
	}
	return cuts
}

// gapsAt are the times in which a router need not have forwarded what came to
// it: it was cut, or had forgotten a translation, which it says by an RST of its
// own.
func (j *joiner) gapsAt(hop *Hop) (gaps []gap) {
	for _, c := range j.cuts[hop.Host] {
		between := []string{j.subnetOf(hop.Host, hop.From), j.subnetOf(hop.Host, hop.To)}
		if slices.Sort(between); slices.Contains(between, "") || slices.Equal(between, c.subnets) {
			gaps = append(gaps, c.gap)
		}
	}
	if hop.Translation == nil {
		return gaps
	}
	came := make(map[uint32]bool) // the numbers of RSTs
	for i := range hop.Packets {
		p := &hop.Packets[i]
		if !p.Flags.Has(RST) {
			continue
		}
		if p.Outgoing && !came[p.Seq] {
			const noticed = 100 * time.Millisecond
			return append(gaps, gap{from: p.Time.Add(-noticed), both: true})
		}
		came[p.Seq] = true
	}
	return gaps
}

// subnetOf is the subnet that an interface of a host is on; empty for none.
func (j *joiner) subnetOf(host, name string) string {
	lab := j.hosts[host]
	if lab == nil || name == "" {
		return ""
	}
	for _, e := range j.run.Hosts[host].Events {
		for _, on := range e.Interfaces {
			for _, l := range lab.Links {
				if on.Name == name && (slices.Contains(on.Addresses, l.Address) || slices.Contains(on.Addresses, l.Address6)) {
					return l.Subnet
				}
			}
		}
	}
	return ""
}

// watchedUntil is when a host's capture may have ended; zero where its agent
// does not tell.
func (h *Host) watchedUntil() time.Time {
	for _, e := range h.Events {
		if e.Event == HostStopped {
			return e.Time
		}
	}
	return time.Time{}
}

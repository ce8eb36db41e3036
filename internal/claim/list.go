package claim

import (
	"cmp"
	"net/netip"
	"slices"
	"unicode/utf8"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// witnessNames are the witnesses of connections and of datagrams, in the order
// in which they are listed.
var witnessNames = slices.Concat([]string{"sender.packets"}, evidence.ColumnNames, []string{"receiver.packets"})

// connections are all of the run, those of the lab's clients first.
func (j *judge) connections() []Connection {
	order := make(map[string]int)
	for i, name := range j.lab.Clients {
		order[name] = i - len(j.lab.Clients)
	}
	all := make([]*evidence.Connection, len(j.run.Connections))
	for i := range all {
		all[i] = &j.run.Connections[i]
	}
	slices.SortStableFunc(all, func(a, b *evidence.Connection) int {
		return cmp.Compare(order[a.Client.Host], order[b.Client.Host])
	})
	rows := make([]Connection, 0, len(all))
	same := make(alike)
	for _, c := range all {
		rows = append(rows, Connection{
			Client: c.Client.Host, Server: c.Server.Host, FourTuple: c.FourTuple, Translated: other(c.FourTuple, c.AtServer()),
			Opening: c.Opening, Outcome: c.Outcome, Path: hops(c.Path), Witnesses: same.whole(c.Lacks),
		})
	}
	return rows
}

// datagrams are all of the run, in the order of their times.
func (j *judge) datagrams() []Datagram {
	rows := make([]Datagram, 0, len(j.run.Datagrams))
	same := make(alike)
	for i := range j.run.Datagrams {
		d := &j.run.Datagrams[i]
		row := Datagram{
			Sender: d.Sender.Host, Receiver: d.Receiver.Host, FourTuple: d.FourTuple, Translated: other(d.FourTuple, d.AtReceiver()),
			Occurrence: d.Occurrence, Length: d.Length, Delivered: j.tables.Delivered(d), Path: hops(d.Path), Witnesses: same.whole(d.Lacks),
		}
		if utf8.Valid(d.Payload) {
			row.Text = string(d.Payload)
		}
		rows = append(rows, row)
	}
	return rows
}

// other is a four-tuple that is another than the one before it.
func other(before, after evidence.FourTuple) *evidence.FourTuple {
	if before == after || !after.Source.IsValid() || !after.Destination.IsValid() {
		return nil
	}
	another := after // on the heap only here
	return &another
}

func hops(path []evidence.Hop) (hops []Hop) {
	for i := range path {
		hops = append(hops, Hop{Host: path[i].Host, Translated: other(path[i].In, path[i].Out)})
	}
	return hops
}

// alike has the Witnesses that were made, by the bits of those that apply and of
// those that are whole: most connections share a few.
type alike map[[2]uint16]Witnesses

func (a alike) whole(lacks map[string]string) Witnesses {
	var key [2]uint16
	for i, name := range witnessNames {
		if why, applies := lacks[name]; applies {
			key[0] |= 1 << i
			if why == "" {
				key[1] |= 1 << i
			}
		}
	}
	if a[key] == nil {
		a[key] = make(Witnesses)
		for name, why := range lacks {
			a[key][name] = why == ""
		}
	}
	return a[key]
}

// nameOf is a host, or its endpoint where the lab has no such host.
func nameOf(host string, endpoint netip.AddrPort) string {
	if host == "" {
		return endpoint.String()
	}
	return host
}

// versions are what made the run.
func (j *judge) versions() Versions {
	v := Versions{Fourtuple: j.run.Versions.Fourtuple, Engine: j.run.Versions.Engine}
	for _, name := range j.run.Names() {
		for _, e := range j.run.Hosts[name].Events {
			if e.Event == evidence.HostRegistered && v.Kernel == "" {
				v.Kernel = e.Kernel
			}
		}
	}
	return v
}

package table

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

var conntrack = Kind{
	Name: "conntrack", OfHost: true, Dumped: true,
	Doc:       "a translating router's conntrack table at a snapshot: entries whose addresses or ports it changes",
	witnesses: []string{"conntrack"},
	text: func(r *Row) string {
		t := r.record.(*evidence.Translation)
		return fmt.Sprintf("%s %s as %s", t.Protocol, t.Original, t.Translated)
	},
	time: func(r *Row) (from, until time.Time) {
		t := r.record.(*evidence.Translation)
		return evidence.Polled(r.source.host.Translations, t.Snapshot)
	},
	Columns: slices.Concat(
		[]Column{{Name: "protocol", Type: "string", Doc: "tcp or udp", Values: protocols, value: of(func(t *evidence.Translation) string { return t.Protocol })}},
		endpoint("original.source", "the client, as it has it", Column{}, func(r *Row) netip.AddrPort { return r.record.(*evidence.Translation).Original.Source }),
		endpoint("original.destination", "the server, as the client has it", Column{}, func(r *Row) netip.AddrPort { return r.record.(*evidence.Translation).Original.Destination }),
		endpoint("translated.source", "the client, as the server has it", Column{}, func(r *Row) netip.AddrPort { return r.record.(*evidence.Translation).Translated.Source }),
		endpoint("translated.destination", "the server, as it has it", Column{}, func(r *Row) netip.AddrPort { return r.record.(*evidence.Translation).Translated.Destination }),
	),
}

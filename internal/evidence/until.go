package evidence

import (
	"sort"
	"time"
)

// Until is what a host's packets are until a time, of packets in their order; all
// of them for the zero time.
func Until(packets []Packet, at time.Time) []Packet {
	if n := len(packets); n == 0 || within(packets[n-1].Time, at) {
		return packets
	}
	n := sort.Search(len(packets), func(i int) bool { return !within(packets[i].Time, at) })
	return packets[:n:n]
}

// within tells whether something happened until a time; the zero time is the
// end.
func within(happened, until time.Time) bool { return until.IsZero() || !happened.After(until) }

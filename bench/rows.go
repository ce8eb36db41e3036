package main

import "fmt"

// rows are all that is measured, from the quickest on.
func rows(p *proof, quick bool) []row {
	all := []row{
		wiring(3),
		{
			name: "the first lab, start to verdict to clean", ours: p.by("netns"),
			// Its network is a router and four subnets.
			peer: wireMininet(4), peerName: "Mininet, wiring and unwiring alone",
		},
	}
	if quick {
		return all
	}
	return append(all,
		row{
			name: "the same in Docker", ours: p.by("docker"),
			peer: composeUp, peerName: "Compose, up -d alone",
		},
		wiring(100), wiring(1000))
}

// wiring is making a network of so many subnets real and taking it down again.
func wiring(subnets int) row {
	r := row{
		name: fmt.Sprintf("wire and unwire %d subnets", subnets),
		ours: wireOurs(subnets), subnets: subnets,
	}
	// Mininet takes minutes for more, and its time grows faster than ours.
	if subnets <= 100 {
		r.peer, r.peerName = wireMininet(subnets), "Mininet"
	}
	return r
}

package main

import "fmt"

// rows are all that is measured, from the quickest on.
func rows(quick bool) []row {
	all := []row{wiring(3), wiring(100), wiring(1000)}
	if quick {
		all = all[:1]
	}
	return all
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

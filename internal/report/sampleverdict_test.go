package report

import "github.com/fourtuple/fourtuple/internal/claim"

// sampleVerdict is a verdict on the sample; the outcomes are those of the test.
func sampleVerdict(all []visit) claim.Verdict {
	v := claim.Verdict{Lab: "three-clients", Outcome: claim.Holds, Claims: []claim.Finding{
		{Claim: "one-port", Outcome: claim.Holds, Text: "every accepted socket's local port is 12000, and so is the listening socket's", Reason: "the listening socket and 3 accepted sockets, all on port 12000"},
		{Claim: "distinct-sources", Outcome: claim.Holds, Text: "3 connections come from 3 different source addresses on 3 different subnets, each with its own port", Reason: "the server saw 10.12.1.10:40992 (cafe), 10.12.2.10:51514 (office), 10.12.3.10:33870 (campus)"},
		{Claim: "message-ports", Outcome: claim.Holds, Text: "each message of a client goes to port 12000, and each reply comes from port 12000", Reason: "3 segments with data went to port 12000, 3 came from it"},
	}}
	for _, visit := range all {
		c := claim.Connection{Client: visit.client, Server: "server", FourTuple: tuple(visit.source), Witnesses: claim.Witnesses{}}
		for _, name := range c.Witnesses.Names() {
			c.Witnesses[name] = true
		}
		if visit.source != visit.translated {
			at := tuple(visit.translated)
			c.Translated = &at
		}
		v.Connections = append(v.Connections, c)
	}
	return v
}

// refuted is the verdict on the sample behind a router that translates, with
// one witness missing.
func refuted() claim.Verdict {
	v := sampleVerdict(masqueraded())
	v.Outcome = claim.Refuted
	v.Claims[1].Outcome = claim.Refuted
	v.Claims[1].Reason = "the server saw 1 source address, 10.12.0.254, for 3 connections"
	v.Claims[2].Outcome = claim.NotShown
	v.Claims[2].Reason = "client.packets of client2 -> server: its capture has no packet of the connection"
	v.Connections[1].Witnesses["client.packets"] = false
	return v
}

package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fourtuple/fourtuple/internal/claim"
	"github.com/fourtuple/fourtuple/internal/table"
)

const aboutClaims = `What a lab claims stands in its Compose file, under x-lab.claims. A claim names a
table, says by one key how many of its rows are meant, and by CEL
(https://cel.dev) what is to be true of one row:

  x-lab:
    question: When does a connection exist, before accept or after?
    steps:
      - start: server                          # command: [socket]
      - type: {server: listen 12000 backlog 2}
      - start: client
      - type: {client: "connect 10.12.0.10:12000"}
      - snapshot: waiting
      - type: {server: accept}
      - snapshot: accepted
    claims:
      exists-before-accept:
        says: the kernel has the connection, though no process holds it
        at: waiting                            # the snapshot
        some: server.sockets                   # the table; 'lab help tables' has all
        is: state == "ESTABLISHED" && inode == 0
      accept-opens-a-port:
        says: accept gives the connection a new port
        expect: refuted                        # what many believe, and is not so
        at: accepted
        every: server.sockets
        where: state == "ESTABLISHED"          # the rows that are meant
        is: local.port != 12000
      two-rows:
        count: server.sockets
        n: 2
      told-apart:
        distinct: server.sockets
        of: [remote.address, remote.port]
      all-on-one-port:
        same: server.sockets
        of: [local.port]
      first-the-syn:
        before:
          - {in: client.packets, where: '"SYN" in flags && !("ACK" in flags)'}
          - {in: server.packets, where: '"SYN" in flags && "ACK" in flags'}
      nobody-closed:
        none: server.sockets
        is: state == "CLOSE_WAIT"
      both:
        all:
          - {some: server.sockets, is: state == "LISTEN"}
          - {some: client.sockets, is: state == "ESTABLISHED"}
      accept-answers:
        some: steps
        is: line == "accept" && call == "accept" && errno == ""
      one-port: {of: "server:12000"}           # a macro, which is a claim's name

A claim holds, is refuted, or is not shown: what no witness saw, or a witness whose
evidence is missing, cut short or at odds with another one's, is neither true nor
false. 'every' needs at least one row. A joined table's row is known by two
witnesses, a host's by its own.

A lab is as expected (exit status 0) when each claim comes out as it expects.
`

// claimsTopic is what 'lab help claims' prints.
func claimsTopic() *cobra.Command {
	var b strings.Builder
	b.WriteString(aboutClaims)
	list := func(title string, keys []claim.Key) {
		fmt.Fprintf(&b, "\n%s\n", title)
		for _, k := range keys {
			fmt.Fprintf(&b, "  %-16s %s\n", k.Name, k.Doc)
		}
	}
	list("Keys, of which the first eight say how many rows are meant:", claim.Keys())
	list("Macros, claims by their name:", claim.Macros())
	return &cobra.Command{Use: "claims", Short: "The language of claims, by example", Long: strings.TrimSuffix(b.String(), "\n")}
}

// tablesTopic is what 'lab help tables' prints.
func tablesTopic() *cobra.Command {
	var b strings.Builder
	b.WriteString("The tables that claims are about, and their columns with their types in CEL.\n")
	for _, k := range table.Kinds() {
		name := k.Name
		if k.OfHost {
			name = "HOST." + name
		}
		fmt.Fprintf(&b, "\n%s: %s\n", name, k.Doc)
		for _, c := range k.Columns {
			doc := c.Doc
			if c.Unit != "" {
				doc += " (" + c.Unit + ")"
			}
			fmt.Fprintf(&b, "  %-30s %-12s %s\n", c.Name, c.Type, doc)
		}
	}
	return &cobra.Command{Use: "tables", Short: "The tables and their columns", Long: strings.TrimSuffix(b.String(), "\n")}
}

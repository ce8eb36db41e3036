//go:build integration && linux

package main

import (
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple"
	"github.com/fourtuple/fourtuple/internal/claim"
	"github.com/fourtuple/fourtuple/internal/engine/docker"
	"github.com/fourtuple/fourtuple/internal/evidence"
)

// Both engines make of a lab the same connections, and what they leave is
// judged the same: ports that the kernel chose aside, in every word.
func TestEnginesConform(t *testing.T) {
	require.NoError(t, docker.BuildImages(t.Context(), "..", os.Stderr))
	for _, s := range scenarios {
		if s.onlyNamespaces {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			lab := s.lab(t)
			inNamespaces := s.run(t, fourtuple.Netns, lab)
			inContainers := s.run(t, fourtuple.Docker, lab)
			assert.Empty(t, cmp.Diff(withoutPorts(inNamespaces), withoutPorts(inContainers), cmpopts.EquateComparable(netip.AddrPort{})))
		})
	}
}

// withoutPorts is the verdict without its versions, with every port that a kernel
// chose, every inode and every line written alike, without attempts that were
// refused, which depend on who is faster, and without the reasons of what holds,
// which count segments: how data is cut is no one's claim. Of rows it has the
// files, and of clients that fail alike, one.
func withoutPorts(v claim.Verdict) claim.Verdict {
	v.Run, v.Versions = "", claim.Versions{}
	v.Connections = slices.DeleteFunc(v.Connections, func(c claim.Connection) bool { return c.Outcome == evidence.Refused })
	for i, c := range v.Connections {
		v.Connections[i].Opening = 1
		v.Connections[i].Source = anyPort(c.Source)
		chosen := []netip.AddrPort{c.Source}
		if c.Translated != nil {
			chosen = append(chosen, c.Translated.Source)
			v.Connections[i].Translated = &evidence.FourTuple{Source: anyPort(c.Translated.Source), Destination: c.Translated.Destination}
		}
		for n, hop := range c.Path {
			if hop.Translated != nil {
				chosen = append(chosen, hop.Translated.Source)
				c.Path[n].Translated = &evidence.FourTuple{Source: anyPort(hop.Translated.Source), Destination: hop.Translated.Destination}
			}
		}
		for k := range v.Claims {
			for _, endpoint := range chosen {
				v.Claims[k].Reason = strings.ReplaceAll(v.Claims[k].Reason, endpoint.String(), anyPort(endpoint).String())
			}
		}
	}
	for k, f := range v.Claims {
		v.Claims[k].Reason = line.ReplaceAllString(v.Claims[k].Reason, ":N")
		v.Claims[k].Reason = inode.ReplaceAllString(v.Claims[k].Reason, "inode N")
		v.Claims[k].Reason = says.ReplaceAllString(v.Claims[k].Reason, "a client says")
		for n, r := range f.Rows {
			v.Claims[k].Rows[n] = claim.Row{File: r.File}
		}
		if f.Outcome == claim.Holds {
			v.Claims[k].Reason = ""
		}
	}
	return v
}

// line is the number of a line or a packet behind a file's name.
var line = regexp.MustCompile(`:\d+\b`)

// inode is a socket's.
var inode = regexp.MustCompile(`\binode \d+`)

// says is which of the clients failed first.
var says = regexp.MustCompile(`\bclient\d+ says`)

func anyPort(endpoint netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(endpoint.Addr(), 0) }

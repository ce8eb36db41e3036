package compose_test

import (
	"errors"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/fourtuple/fourtuple/internal/compose"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// FuzzParse wants every text to be a lab that keeps what the types promise, or
// an error that is made of problems.
func FuzzParse(f *testing.F) {
	for name, text := range labs(f) {
		if name != "first" { // the small ones are faster, and have as much
			f.Add(text)
		}
	}
	f.Add("a: &a\n  <<: *a\n")
	f.Add(bomb("{<<: [*%s, *%s]}"))
	f.Add("services: {a: {image: $A, networks: {b: {ipv4_address: 10.0.0.2}}}}\nnetworks: {b: {ipam: {config: [{subnet: 10.0.0.0/30}]}}}\n")
	f.Fuzz(func(t *testing.T, text string) { checkText(t, text) })
}

// Texts that a person who makes mistakes would write: lines of a lab that are
// gone, twice there or elsewhere, and values that are something else.
func TestParseTakesDamagedLabs(t *testing.T) {
	texts := labs(t)
	names := slices.Sorted(maps.Keys(texts))
	rapid.Check(t, func(t *rapid.T) {
		lines := strings.Split(texts[rapid.SampledFrom(names).Draw(t, "lab")], "\n")
		for range rapid.IntRange(1, 4).Draw(t, "damages") {
			lines = damaged(t, lines)
		}
		checkText(t, strings.Join(lines, "\n"))
	})
}

var oddValues = []string{
	"", "~", "[]", "{}", "[~]", "{a: ~}", "[[]]", `""`, "-1", "0", "1e400", ".nan", ".inf", "010", "0x1F", "1_000", "y", "2001-01-01",
	"!!binary aGk=", "!reset ~", "!override {a: b}", "!!str 5", "banana", "$A", "${A}", "${B}", "$$B", "${A:-", "*host", "&host", "*nobody",
	"10.12.0.0", "10.12.0.1", "10.12.0.10", "10.12.0.255", "::1", "10.12.0.0/31", "10.12.1.0/25", "none", "host", "service:server",
	"'a\\nb'", `"\0"`, `"\u2028"`, "|\n  a", "server", "[server, server]", "[client1]", "{server: {condition: service_started}}", "a.b", "\xff",
}

func damaged(t *rapid.T, lines []string) []string {
	i := rapid.IntRange(0, len(lines)-1).Draw(t, "line")
	j := rapid.IntRange(0, len(lines)-1).Draw(t, "other line")
	switch rapid.IntRange(0, 5).Draw(t, "damage") {
	case 0:
		return slices.Delete(slices.Clone(lines), i, i+1)
	case 1:
		return slices.Insert(slices.Clone(lines), j, lines[i])
	case 2:
		lines = slices.Clone(lines)
		lines[i] = "  " + lines[i]
	case 3:
		lines = slices.Clone(lines)
		lines[i] = strings.TrimPrefix(lines[i], "  ")
	default:
		if name, _, ok := strings.Cut(lines[i], ": "); ok {
			lines = slices.Clone(lines)
			lines[i] = name + ": " + rapid.SampledFrom(oddValues).Draw(t, "value")
		}
	}
	if len(lines) == 0 {
		return []string{""}
	}
	return lines
}

func checkText(t require.TestingT, text string) {
	lab, err := compose.Parse("folder", file("folder/lab.yml", []byte(text)), map[string]string{"LAB_PREFIX": "10.13", "A": "$A ${A}"})
	if err != nil {
		var p *compose.Problem
		require.True(t, errors.As(err, &p), "%v", err)
		require.NotEmpty(t, p.Reason)
		require.NotContains(t, p.Reason, "gave up")
		require.Nil(t, lab)
		return
	}
	checkLab(t, lab)
	if _, judge := lab.Host("judge"); !judge && !slices.ContainsFunc(lab.Hosts, func(h topology.Host) bool { return h.Image == "" }) {
		checkReadsBack(t, lab)
	}
	n := len(lab.Clients) + 1
	if wide, err := topology.ScaleClients(lab, n); err == nil {
		checkLab(t, wide)
		assert.Len(t, wide.Clients, n)
	}
}

// checkLab wants what the engines rely on.
func checkLab(t require.TestingT, lab *topology.Lab) {
	assert.Regexp(t, `^[a-zA-Z0-9][a-zA-Z0-9_-]{0,62}$`, lab.Name)
	assert.Positive(t, lab.Limit)
	assert.NotEmpty(t, lab.Hosts)
	for _, name := range lab.Clients {
		_, ok := lab.Host(name)
		assert.True(t, ok, name)
	}
	checkSubnets(t, lab)
	owners := make(map[netip.Addr]string)
	for i, h := range lab.Hosts {
		assert.Regexp(t, `^[a-zA-Z0-9][a-zA-Z0-9_-]{0,62}$`, h.Name)
		assert.True(t, i == 0 || lab.Hosts[i-1].Name < h.Name, "hosts are sorted")
		checkHost(t, lab, h, owners)
	}
}

func checkSubnets(t require.TestingT, lab *topology.Lab) {
	for i, s := range lab.Subnets {
		assert.True(t, i == 0 || lab.Subnets[i-1].Name < s.Name, "subnets are sorted")
		assert.Equal(t, s.Prefix.Masked(), s.Prefix)
		assert.True(t, s.Prefix.Addr().Is4() && s.Prefix.Bits() <= 30)
		assert.True(t, s.Prefix.Contains(s.Gateway))
		for _, other := range lab.Subnets[:i] {
			assert.False(t, s.Prefix.Overlaps(other.Prefix), "%s and %s", s.Prefix, other.Prefix)
		}
	}
}

func checkHost(t require.TestingT, lab *topology.Lab, h topology.Host, owners map[netip.Addr]string) {
	assert.NotEmpty(t, h.Links)
	assert.NotEmpty(t, h.Hostname)
	assert.True(t, !h.Forwards || len(h.Links) > 1)
	assert.True(t, len(h.Masquerade) == 0 || h.Forwards)
	for i, link := range h.Links {
		assert.True(t, i == 0 || h.Links[i-1].Subnet < link.Subnet, "links are sorted")
		s, ok := lab.Subnet(link.Subnet)
		require.True(t, ok)
		address := link.Address.Addr()
		assert.Equal(t, s.Prefix, link.Address.Masked())
		assert.NotEqual(t, s.Prefix.Addr(), address)
		assert.NotEqual(t, s.Gateway, address)
		assert.True(t, s.Prefix.Contains(address.Next()), "%s is no broadcast address", address)
		assert.NotContains(t, owners, address)
		owners[address] = h.Name
	}
	for _, route := range h.Routes {
		gateway, ok := lab.Host(lab.Owners()[route.Gateway])
		require.True(t, ok)
		assert.True(t, gateway.Forwards && slices.ContainsFunc(h.Links, func(l topology.Link) bool {
			return l.Address.Masked().Contains(route.Gateway) || l.Address6.Masked().Contains(route.Gateway)
		}))
	}
	for _, name := range h.DependsOn {
		_, ok := lab.Host(name)
		assert.True(t, ok, name)
	}
	for _, text := range append(append([]string{h.WorkingDirectory}, h.Program...), h.Environment...) {
		assert.NotContains(t, text, "\x00")
	}
}

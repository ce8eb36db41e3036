package compose_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/fourtuple/fourtuple/internal/compose"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// dualStack is small.yml with IPv6, and a second program on the server.
func dualStack(t testing.TB) string {
	return edited(t, small(t),
		edit{serverHome, "home: {ipv4_address: 10.12.0.10, ipv6_address: 'fd12::10'}"},
		edit{homeSubnet, homeSubnet + "\n        - {subnet: 'fd12::/64', gateway: 'fd12::ff'}"},
		edit{"  home:\n    ipam", "  home:\n    enable_ipv6: true\n    ipam"},
		edit{routerHome, routerHome + "\n        ipv6_address: fd12::254"},
		edit{clientCafe, clientCafe + "\n        ipv6_address: fd12:0:0:1::10"},
		edit{"      cafe:\n        ipv4_address: 10.12.1.254", "      cafe:\n        ipv4_address: 10.12.1.254\n        ipv6_address: fd12:0:0:1::254"},
		edit{"  cafe:\n    ipam:\n      config:\n", "  cafe:\n    enable_ipv6: true\n    ipam:\n      config:\n        - subnet: fd12:0:0:1::/64\n"},
		edit{`      net.ipv4.ip_forward: "1"`, "      net.ipv4.ip_forward: \"1\"\n      net.ipv6.conf.all.forwarding: 1"},
		add("x-lab: {programs: {second: [lab, socket]}}\n    extra_hosts: ['six:fd12::10', 'seven=fd12::10']"))
}

// text is what people write, and what YAML could take for something else.
func text() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{
			"", " ", "a", "true", "no", "null", "~", "12", "1.5", "0x1F", "010", "1_000", "2001-01-01", "!ok", "&a", "*a", "- a", "a: b", "a #b", "a, b", "[a]", "{a: b}",
			"?", "is it?", ": ", "'", `"`, `\`, "%", "@", "`", "|", ">", "$A", "${A:-b}", "$$", "$", "<<", "=", "가나", "a\tb", " a ", "\u0085", "\u2028", "\ufeff", "\x01", "\x1b[2J",
			`state == "LISTEN" && inode != 0`,
		}),
		rapid.StringN(0, 40, 200).Filter(func(s string) bool { return !strings.ContainsRune(s, 0) }),
	)
}

func line() *rapid.Generator[string] {
	return text().Filter(func(s string) bool { return !strings.ContainsAny(s, "\r\n") })
}

func plain(depth int) *rapid.Generator[any] {
	leaf := rapid.OneOf(text().AsAny(), rapid.Int().AsAny(), rapid.Bool().AsAny())
	if depth == 0 {
		return leaf
	}
	return rapid.OneOf(leaf,
		rapid.Map(rapid.SliceOfN(plain(depth-1), 0, 3), func(list []any) any { return append([]any{}, list...) }),
		rapid.Map(rapid.MapOfN(text(), plain(depth-1), 0, 3), func(m map[string]any) any { return m }))
}

// drawSteps draws steps of dualStack that a reader takes.
func drawSteps(t *rapid.T) []topology.Step {
	programs := []string{"server", "server/second", "client1"}
	steps := []topology.Step{{Action: topology.Start, On: programs}}
	cut := false
	for n := range rapid.IntRange(0, 8).Draw(t, "steps") {
		on := []string{rapid.SampledFrom(programs).Draw(t, "on")}
		switch rapid.IntRange(0, 6).Draw(t, "step") {
		case 0:
			typed := line().Draw(t, "line")
			if on[0] == "server/second" { // a prompt, which does not take everything
				typed = "send " + strconv.Quote(typed)
			}
			steps = append(steps, topology.Step{Action: topology.Type, On: on, Line: typed})
		case 1:
			table := rapid.SampledFrom([]string{"sockets", "files", "packets", "program", "conntrack"}).Draw(t, "table")
			within := time.Duration(rapid.SampledFrom([]int{0, 1, 1500, 60000}).Draw(t, "within")) * time.Millisecond
			steps = append(steps, topology.Step{Action: topology.Wait, On: []string{"server"}, Table: table, Where: text().Draw(t, "where"), For: within})
		case 2:
			steps = append(steps, topology.Step{Action: topology.Snapshot, Name: fmt.Sprintf("%s%d", rapid.SampledFrom([]string{"a", "1", "true-", "null"}).Draw(t, "name"), n)})
		case 3:
			steps = append(steps, topology.Step{Action: topology.Signal, On: on, Signal: rapid.SampledFrom([]string{"SIGSTOP", "SIGCONT", "SIGINT"}).Draw(t, "signal")})
		case 4:
			steps = append(steps, topology.Step{Action: topology.Stop, On: on}, topology.Step{Action: topology.Start, On: on})
		case 5:
			action := topology.Cut
			if cut {
				action = topology.Mend
			}
			cut = !cut
			steps = append(steps, topology.Step{Action: action, On: []string{"router"}, Subnets: []string{"home", "cafe"}})
		case 6:
			steps = append(steps, topology.Step{Action: topology.Sleep, For: time.Duration(rapid.IntRange(1, 60000).Draw(t, "sleep")) * time.Millisecond})
		}
	}
	return steps
}

// Whatever a lab says, Print writes so that it is read as the same.
func TestPrintReadsBackWhateverIsSaid(t *testing.T) {
	base := parse(t, "lab.yml", dualStack(t))
	rapid.Check(t, func(t *rapid.T) {
		lab := *base
		trimmed := rapid.Map(text(), strings.TrimSpace)
		lab.Question = topology.Text{EN: trimmed.Draw(t, "question"), KO: trimmed.Draw(t, "질문")}
		lab.Explanation = topology.Text{EN: trimmed.Draw(t, "explanation"), KO: trimmed.Draw(t, "설명")}
		lab.Claims = nil
		for i := range rapid.IntRange(0, 3).Draw(t, "claims") {
			name := fmt.Sprintf("%s%d", rapid.SampledFrom([]string{"a", "1", "z-", "null"}).Draw(t, "claim"), 9-i)
			lab.Claims = append(lab.Claims, topology.Claim{Name: name, Keys: rapid.MapOfN(text(), plain(2), 0, 4).Draw(t, "keys")})
		}
		drawn := drawSteps(t)
		lab.Steps = drawn
		once, err := compose.Parse("folder", file("lab.yml", []byte(printed(t, &lab))), map[string]string{"A": "b"})
		require.NoError(t, err)
		for i := range drawn {
			drawn[i].Number = i + 1
		}
		require.Equal(t, drawn, once.Steps[:len(drawn)])
		lab.Steps = once.Steps
		require.Equal(t, &lab, once)
		checkReadsBack(t, once)
	})
}

package table

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What a person writes wrong, with where it is wrong and what is said of it.
func TestSyntaxErrors(t *testing.T) {
	var out strings.Builder
	for _, test := range []struct{ table, text string }{
		{"sockets", ``},
		{"sockets", `prt == 12000`},
		{"sockets", `local.prt == 12000`},
		{"sockets", `local == "10.12.0.10"`},
		{"sockets", `recv-q == 0`},
		{"sockets", "state == \"LISTEN\" &&\n  prt == 12000"},
		{"sockets", `"연결" == state && prt == 1`},
		{"connections", `server.hst == "server"`},
		{"connections", `path.exists(p, q == "router")`},
		{"sockets", `state == LISTEN`},
		{"sockets", `state = "LISTEN"`},
		{"sockets", `state == "LISTEN" and inode == 0`},
		{"sockets", `not state == "LISTEN"`},
		{"sockets", `state == "LISTEN`},
		{"sockets", `local.port ==`},
		{"sockets", `(local.port == 1`},
		{"sockets", `local.port == 1)`},
		{"sockets", `local.port == 99999999999999999999`},
		{"sockets", `local.port == "12000"`},
		{"sockets", `local.port == 12000.0`},
		{"sockets", `local.port < "1"`},
		{"sockets", `state && inode == 0`},
		{"sockets", `!local.port`},
		{"sockets", `local.port + state == 1`},
		{"sockets", `local.port.contains("1")`},
		{"sockets", `size(local.port) == 1`},
		{"sockets", `state.containz("L")`},
		{"sockets", `len(state) == 1`},
		{"sockets", `state.matches("[")`},
		{"sockets", `has(local.port)`},
		{"sockets", `timestamp(time) > timestamp("2026-01-01T00:00:00Z")`},
		{"sockets", `dyn(state) == 1`},
		{"sockets", `[1, "a"][0] == 1`},
		{"packets", `flags == "SYN"`},
		{"packets", `"SYN" in flags && flags.map(f, f + f) == flags`},
		{"connections", `path.exists(p, path.exists(q, p == q))`},
		{"packets", strings.Repeat("outgoing || ", 400) + "outgoing"},
		{"packets", strings.Repeat("(", 200) + "outgoing" + strings.Repeat(")", 200)},
	} {
		_, err := kindOf(test.table).Compile(test.text)
		var wrong *SyntaxError
		if assert.ErrorAs(t, err, &wrong, test.text) {
			text := test.text
			if len(text) > 80 {
				text = text[:80] + "…"
			}
			fmt.Fprintf(&out, "%s: %s\n%*s %s\n", test.table, strings.ReplaceAll(text, "\n", " "), len(test.table)+2+len([]rune(test.text[:wrong.Offset]))+1, "^", wrong.Reason)
			assert.NotContains(t, wrong.Reason, "\n")
		}
	}
	golden(t, "testdata/errors.txt", out.String())
}

func TestExpressions(t *testing.T) {
	tables := Open(sample())
	for _, test := range []struct {
		table, text string
		want        []any // by row
	}{
		{"server.sockets", `state == "ESTABLISHED" && local.port == 12000 && remote.port != 12000`, []any{true, false}},
		{"server.sockets", `family == "ipv6" ? local.port + 1 : -local.port`, []any{int64(-12000), int64(7001)}},
		{"server.sockets", `state in ["LISTEN", "CLOSE"]`, []any{false, true}},
		{"server.sockets", `local.address.startsWith("10.12.") && !local.address.endsWith(".11") && state.matches("^EST")`, []any{true, false}},
		{"server.files", `size(target) > 3 && target.contains("18")`, []any{true}},
		{"server.program", `event == "answer" && errno == "" && !waiting && result >= 0`, []any{false, true}},
		{"connections", `size(path) == 1 && path[0] == "router" && path == ["router"] && "router" in path`, []any{true}},
		{"connections", `path.all(p, p != "r2") && path.exists_one(p, p == "router") && size(path.filter(p, p == "router")) == 1`, []any{true}},
		{"connections", `path`, []any{"router"}},
		{"connections", `source.address + ":" + client.state`, []any{"10.12.1.10:CLOSE"}},
		{"connections", `size(path) % 2 * 3 / 1 - 1`, []any{int64(2)}},
		{"connections", `path == [] || opening / 0 == 1 || changed`, []any{true}},
		{"connections", `client.subnet == "cafe"`, []any{false}},
	} {
		rows, _, err := tables.Rows(test.table, Span{})
		require.NoError(t, err)
		require.Len(t, rows, len(test.want))
		e, err := rows[0].kind.Compile(test.text)
		require.NoError(t, err, test.text)
		for i, r := range rows {
			assert.Equal(t, Value{Value: test.want[i]}, e.Evaluate(r, Quorum{}), test.text)
		}
	}
}

func FuzzCompile(f *testing.F) {
	for _, text := range []string{
		`state == "LISTEN" && local.port != 1`, `prt`, `path.exists(p, p == "r")`, `a.b.c(`, `state = 1`, `"\xff" == state`, "\n\n.x", `size(`, `state in ["x"]`, `((((`, `-9223372036854775808 / -1 == 1`,
	} {
		f.Add(text)
	}
	rows := make(map[string][]*Row)
	for _, table := range []string{"server.sockets", "server.packets", "connections"} {
		var err error
		rows[table], _, err = Open(sample()).Rows(table, Span{})
		require.NoError(f, err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, rows := range rows {
			e, err := rows[0].kind.Compile(text)
			if err != nil {
				var wrong *SyntaxError
				require.True(t, errors.As(err, &wrong))
				require.True(t, wrong.Offset >= 0 && wrong.Offset <= len(text), "offset %d of %d", wrong.Offset, len(text))
				require.NotEmpty(t, wrong.Reason)
				continue
			}
			for _, r := range rows {
				v := e.Evaluate(r, Quorum{})
				_, is := v.Value.(bool)
				require.Equal(t, v.Value == nil, len(v.Unknown) > 0)
				require.True(t, !e.Bool || is || v.Value == nil)
			}
		}
	})
}

// The rows of a million sockets or connections are to be evaluated in less than
// a second.
func BenchmarkEvaluate(b *testing.B) {
	const rows = 1 << 20
	for _, bench := range []struct{ table, text string }{
		{"server.sockets", `state == "ESTABLISHED" && local.port == 12000`},
		{"connections", `outcome == "opened" && destination.port == 12000`},
		{"connections", `server.state == "ESTABLISHED" && source.address != "10.12.1.11"`},
	} {
		r := sample()
		for range rows {
			s := r.Hosts["server"].Sockets[4]
			r.Hosts["server"].Sockets = append(r.Hosts["server"].Sockets, s)
			r.Connections = append(r.Connections, r.Connections[0])
		}
		all, _, err := Open(r).Rows(bench.table, Span{})
		require.NoError(b, err)
		e, err := all[0].kind.Compile(bench.text)
		require.NoError(b, err)
		b.Run(bench.table+" "+bench.text, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for _, r := range all[len(all)-rows:] {
					if e.Evaluate(r, Quorum{}).Value != true {
						b.Fatal("false")
					}
				}
			}
		})
	}
}

func BenchmarkRows(b *testing.B) {
	r := sample()
	for range 1 << 20 {
		r.Connections = append(r.Connections, r.Connections[0])
	}
	for b.Loop() {
		_, _, err := Open(r).Rows("connections", Span{})
		require.NoError(b, err)
	}
}

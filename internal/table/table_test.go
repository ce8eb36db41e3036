package table

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, string(want), got)
}

// All rows of the sample with all their cells, and the time of each.
func TestRows(t *testing.T) {
	tables := Open(sample())
	var out strings.Builder
	moment := func(at time.Time) string {
		if at.IsZero() {
			return "-"
		}
		return at.Format("05.000")
	}
	for _, table := range []string{
		"server.sockets", "server.files", "server.packets", "server.program", "router.conntrack", "connections", "datagrams", "steps",
	} {
		for _, span := range []Span{{To: "waiting"}, {From: "waiting", To: "accepted"}, {}} {
			rows, gap, err := tables.Rows(table, span)
			require.NoError(t, err)
			assert.Empty(t, gap)
			fmt.Fprintf(&out, "%s %q %q\n", table, span.From, span.To)
			for _, r := range rows {
				from, until := r.Time()
				fmt.Fprintf(&out, "  %s:%d %s (%s to %s)\n", r.File, r.Line, r.Text(), moment(from), moment(until))
				for _, c := range r.kind.Columns {
					if span.From != "" || span.To != "" && !r.kind.Dumped {
						break
					}
					v := r.Cell(c.Name, Quorum{})
					fmt.Fprintf(&out, "    %s = %#v\n", c.Name, v.Value)
					assert.Empty(t, append(v.Unknown, v.Blocked...), "%s.%s", table, c.Name)
				}
			}
		}
	}
	golden(t, "testdata/rows.txt", out.String())
}

// Every column says what it is, and who tells it; and an expression on it has
// the value of its cell.
func TestColumns(t *testing.T) {
	for _, k := range Kinds() {
		assert.NotEmpty(t, k.Doc, k.Name)
		seen := make(map[string]bool)
		host := map[bool]string{true: "server.", false: ""}[k.OfHost]
		if k.Name == "conntrack" {
			host = "router."
		}
		rows, _, err := Open(sample()).Rows(host+k.Name, Span{})
		require.NoError(t, err)
		require.NotEmpty(t, rows, k.Name)
		for _, c := range k.Columns {
			name := k.Name + " " + c.Name
			assert.False(t, seen[c.Name], name)
			seen[c.Name] = true
			assert.NotEmpty(t, c.Doc, name)
			assert.False(t, strings.HasSuffix(c.Doc, "."), name)
			assert.Len(t, k.names(c.mask), len(c.Witnesses), name)
			assert.NotEmpty(t, c.Witnesses, name)
			e, err := k.Compile(c.Name)
			require.NoError(t, err, name)
			assert.Equal(t, []string{c.Name}, e.Columns)
			assert.Equal(t, c.Type == "bool", e.Bool)
			for _, r := range rows {
				assert.Equal(t, r.Cell(c.Name, Quorum{}), e.Evaluate(r, Quorum{}), name)
				if text, is := r.Cell(c.Name, Quorum{}).Value.(string); is && text != "" && c.Values != nil {
					assert.Subset(t, c.Values, strings.Split(text, ", "), name)
				}
			}
		}
	}
}

func TestFind(t *testing.T) {
	lab := sample().Lab
	for name, want := range map[string]string{
		"server.socket":    "there is no table server.socket; did you mean server.sockets?",
		"servr.sockets":    "there is no table servr.sockets; did you mean server.sockets?",
		"conections":       "there is no table conections; did you mean connections?",
		"sockets":          "there is no table sockets; did you mean client.sockets?",
		"server":           "server is a host and not a table, as server.sockets is",
		"server.conntrack": "server translates nothing, so there is no server.conntrack",
		"router.program":   "router has no program, so there is no router.program",
		"server.steps":     "there is no table server.steps: steps is of the whole run, and no host's",
		"":                 "there is no table : there are connections",
	} {
		_, _, err := Find(lab, name)
		if assert.Error(t, err, name) {
			assert.Contains(t, err.Error(), want)
		}
	}
	k, host, err := Find(lab, "router.conntrack")
	require.NoError(t, err)
	assert.Equal(t, []string{"conntrack", "router"}, []string{k.Name, host})
}

func TestSnapshotsThatAreNotThere(t *testing.T) {
	tables := Open(sample())
	_, _, err := tables.Rows("server.sockets", Span{To: "acepted"})
	assert.EqualError(t, err, "there is no snapshot acepted; did you mean accepted?")
	_, _, err = tables.Rows("connections", Span{From: "nowhere"})
	assert.ErrorContains(t, err, "there is no snapshot nowhere")
}

// What is wrong with the evidence, which table it keeps from being whole, and
// what becomes of an expression on its rows.
func TestGaps(t *testing.T) {
	broken := func(host string, w evidence.Witness) func(*evidence.Run) {
		return func(r *evidence.Run) { r.Hosts[host].Defects[w] = "it was changed" }
	}
	lacks := func(witness, why string) func(*evidence.Run) {
		return func(r *evidence.Run) { r.Connections[0].Lacks[witness] = why }
	}
	contradiction := func(host string, w evidence.Witness, line, snapshot int) func(*evidence.Run) {
		return func(r *evidence.Run) {
			r.Contradictions = []evidence.Contradiction{{Host: host, Witness: w, Line: line, Snapshot: snapshot, Why: "so"}}
		}
	}
	undone := func(r *evidence.Run) {
		r.Steps = r.Steps[1:2]
		r.Steps[0].Line, r.Steps[0].Answer = 0, nil
	}
	for _, test := range []struct {
		name, table, text string
		alter             func(*evidence.Run)
		gap               Gap
		want              Value
	}{
		{"own witness", "server.sockets", `state == "ESTABLISHED"`, broken("server", evidence.Sockets), Gap{"server.sockets", "it was changed"}, Value{Unknown: []Gap{{"server.sockets", "it was changed"}}, Blocked: []Gap{{"server.sockets", "it was changed"}}}},
		{"the host's account", "server.sockets", `inode == 18`, broken("server", evidence.Agent), Gap{"server.host", "it was changed"}, Value{Unknown: []Gap{{"server.host", "it was changed"}}, Blocked: []Gap{{"server.host", "it was changed"}}}},
		{"another witness", "server.sockets", `state == "ESTABLISHED"`, broken("server", evidence.Files), Gap{}, Value{Value: true}},
		{"another host", "server.sockets", `state == "ESTABLISHED"`, broken("client", evidence.Sockets), Gap{}, Value{Value: true}},
		{"the files of a socket", "server.sockets", `pid == 40`, broken("server", evidence.Files), Gap{}, Value{Unknown: []Gap{{"server.files", "it was changed"}}, Blocked: []Gap{{"server.files", "it was changed"}}}},
		{"unknown is not needed", "server.sockets", `pid == 40 || state == "ESTABLISHED"`, broken("server", evidence.Files), Gap{}, Value{Value: true, Blocked: []Gap{{"server.files", "it was changed"}}}},
		{"no file while the tables changed", "server.sockets", `pid == 0`, func(r *evidence.Run) {
			r.Hosts["server"].Files, r.Hosts["server"].Sockets[4].Moving = nil, true
		}, Gap{}, Value{Unknown: []Gap{{Why: "no witness tells pid of this row"}}}},
		{"no file", "server.sockets", `pid == 0`, func(r *evidence.Run) { r.Hosts["server"].Files = nil }, Gap{}, Value{Value: true}},
		{"a record that cannot be", "server.sockets", `inode == 18`, contradiction("server", evidence.Sockets, 5, 0), Gap{}, Value{Unknown: []Gap{{"server.sockets", "line 5: so"}}}},
		{"a record of no connection", "server.sockets", `inode == 18`, func(r *evidence.Run) {
			r.Orphans = []evidence.Orphan{{Host: "server", Witness: evidence.Sockets, Line: 5, What: "so"}}
		}, Gap{}, Value{Unknown: []Gap{{"server.sockets", "line 5: so"}}}},
		{"another record that cannot be", "server.sockets", `inode == 18`, contradiction("server", evidence.Sockets, 4, 0), Gap{}, Value{Value: true}},
		{"a record that is missing", "server.sockets", `inode == 18`, contradiction("server", evidence.Sockets, 0, 3), Gap{"server.sockets", "so"}, Value{Value: true}},
		{"a record that is missing in another dump", "server.sockets", `inode == 18`, contradiction("server", evidence.Sockets, 0, 2), Gap{}, Value{Value: true}},
		{"an open file that is missing", "server.sockets", `pid == 40`, contradiction("server", evidence.Files, 0, 3), Gap{}, Value{Unknown: []Gap{{"server.files", "so"}}}},
		{"an event that is missing", "server.program", `event == "prompt"`, contradiction("server", evidence.Program, 0, 0), Gap{"server.program", "so"}, Value{Value: true}},
		{"late capture", "server.packets", `protocol == "tcp"`, func(r *evidence.Run) { r.Lab.Hosts[2].CaptureAfter = time.Second }, Gap{"server.packets", "its capture began 1s after its program"}, Value{Value: true}},
		{"no snapshot", "server.packets", `protocol == "tcp"`, func(r *evidence.Run) { delete(r.Hosts["server"].Snapshots, "accepted") }, Gap{"server.host", "the snapshot accepted was not taken"}, Value{Unknown: []Gap{{"server.host", "the snapshot accepted was not taken"}}, Blocked: []Gap{{"server.host", "the snapshot accepted was not taken"}}}},

		{"any capture", "connections", `source.port == 40001`, broken("server", evidence.Packets), Gap{"server.packets", "it was changed"}, Value{Value: true}},
		{"a capture of its own side", "connections", `source.port == 40001`, broken("client", evidence.Packets), Gap{"client.packets", "it was changed"}, Value{Value: true, Blocked: []Gap{{"client.packets", "it was changed"}}}},
		{"sockets of its own side", "connections", `source.port == 40001`, broken("client", evidence.Sockets), Gap{}, Value{Value: true, Blocked: []Gap{{"client.sockets", "it was changed"}}}},
		{"absent", "connections", `source.port == 40001`, lacks("client.files", "no open file of its program is the connection"), Gap{}, Value{Value: true}},
		{"contradicted", "connections", `source.port == 40001`, func(r *evidence.Run) {
			r.Connections[0].Lacks["client.files"], r.Connections[0].Contradicted["client.files"] = "contradicts client.sockets: so", true
		}, Gap{}, Value{Unknown: []Gap{{"client.files", "contradicts client.sockets: so"}}}},
		{"contradicted elsewhere", "connections", `client.state == "CLOSE"`, func(r *evidence.Run) {
			r.Connections[0].Lacks["client.files"], r.Connections[0].Contradicted["client.files"] = "contradicts client.sockets: so", true
		}, Gap{}, Value{Value: true}},
		{"no quorum", "connections", `outcome == "opened"`, func(r *evidence.Run) {
			lacks("router.packets", "router: it was changed")(r)
			broken("router", evidence.Packets)(r)
			lacks("client.packets", "its capture has no packet of the connection")(r)
		}, Gap{"router.packets", "it was changed"}, Value{Unknown: []Gap{{"client.packets", "its capture has no packet of the connection"}}, Blocked: []Gap{{"router.packets", "it was changed"}}}},
		{"the capture that the value is from", "connections", `client.sent == 2`, lacks("client.packets", "its capture is not whole: so"), Gap{}, Value{Unknown: []Gap{{"client.packets", "its capture is not whole: so"}}}},
		{"a capture that others confirm", "connections", `client.sent == 2`, lacks("server.packets", "its capture is not whole: so"), Gap{}, Value{Value: true}},
		{"a socket that is not there", "connections", `client.state`, lacks("client.sockets", "its socket table has no row of the connection"), Gap{}, Value{Value: "CLOSE"}},
		{"a socket that may be under another address", "connections", `client.state`, broken("router", evidence.Conntrack), Gap{"router.conntrack", "it was changed"}, Value{Unknown: []Gap{{"router.conntrack", "it was changed"}}}},
		{"a socket of a connection that nobody has there", "connections", `client.state`, lacks("client.packets", "its capture has no packet of the connection"), Gap{}, Value{Unknown: []Gap{{"client.packets", "its capture has no packet of the connection"}}}},
		{"a socket of no host", "connections", `client.state`, func(r *evidence.Run) { r.Connections[0].Client.Host = "" }, Gap{}, Value{Unknown: []Gap{{Why: "no witness tells client.state of this row"}}}},
		{"no snapshot of an end", "connections", `client.state`, func(r *evidence.Run) { delete(r.Hosts["client"].Snapshots, "accepted") }, Gap{"client.host", "the snapshot accepted was not taken"}, Value{Unknown: []Gap{{"client.host", "the snapshot accepted was not taken"}}, Blocked: []Gap{{"client.host", "the snapshot accepted was not taken"}}}},
		{"a row that is missing", "connections", `client.state`, contradiction("client", evidence.Sockets, 0, 3), Gap{}, Value{Unknown: []Gap{{"client.sockets", "so"}}}},
		{"conntrack", "connections", `changed`, broken("router", evidence.Conntrack), Gap{"router.conntrack", "it was changed"}, Value{Value: true}},
		{"the run", "connections", `changed`, func(r *evidence.Run) { r.Defects = []string{"the lab has no host eve"} }, Gap{Why: "the lab has no host eve"}, Value{Value: true}},
		{"an orphan", "connections", `changed`, func(r *evidence.Run) {
			r.Orphans = []evidence.Orphan{{Host: "server", Witness: evidence.Files, Line: 3, What: "so"}}
		}, Gap{"server.files", "server.files.jsonl, 3: so"}, Value{Value: true}},
		{"an outcome", "connections", `outcome == "opened"`, func(r *evidence.Run) {
			c := &r.Connections[0]
			c.Outcome = evidence.Unknown
			c.Client.Packets, c.Server.Packets, c.Path[0].Packets = nil, c.Server.Packets[:2], c.Path[0].Packets[:2]
		}, Gap{Why: "what became of 10.12.1.10:40001 -> 10.12.0.10:12000 is not known"}, Value{Unknown: []Gap{{Why: "no witness tells outcome of this row"}}}},
		{"two unknowns", "connections", `client.sent == 1 || server.sent == 1 || client.sent == 2`, func(r *evidence.Run) {
			lacks("client.packets", "its capture is not whole: so")(r)
			lacks("server.packets", "its capture is not whole: this")(r)
		}, Gap{}, Value{Unknown: []Gap{{"client.packets", "its capture is not whole: so"}, {"server.packets", "its capture is not whole: this"}}}},
		{"an expression that errs", "connections", `path[3] == "router"`, func(*evidence.Run) {}, Gap{}, Value{Unknown: []Gap{{Why: "index out of bounds: 3"}}}},
		{"a list that is unknown", "connections", `path.exists(p, p == "router")`, lacks("router.packets", "router has not forwarded it, by its capture"), Gap{}, Value{Unknown: []Gap{{"router.packets", "router has not forwarded it, by its capture"}}}},
		{"a set and a regular expression with an unknown", "server.sockets", `program in ["a", "b"] || program.matches("^a")`, broken("server", evidence.Files), Gap{}, Value{Unknown: []Gap{{"server.files", "it was changed"}}, Blocked: []Gap{{"server.files", "it was changed"}}}},

		{"a capture without the datagram", "datagrams", `delivered`, func(r *evidence.Run) {
			r.Datagrams[0].Receiver.Packet = nil
			r.Datagrams[0].Lacks["receiver.packets"] = "its capture has no such datagram"
		}, Gap{}, Value{Value: false}},
		{"a broken capture without the datagram", "datagrams", `delivered`, func(r *evidence.Run) {
			r.Datagrams[0].Receiver.Packet = nil
			r.Datagrams[0].Lacks["receiver.packets"] = "it was changed"
			broken("server", evidence.Packets)(r)
		}, Gap{"server.packets", "it was changed"}, Value{Unknown: []Gap{{"server.packets", "it was changed"}}, Blocked: []Gap{{"server.packets", "it was changed"}}}},
		{"a router that did not forward", "datagrams", `length == 4`, func(r *evidence.Run) {
			r.Datagrams[0].Lacks["router.packets"] = "router: it was changed"
			broken("router", evidence.Packets)(r)
		}, Gap{"router.packets", "it was changed"}, Value{Value: true, Blocked: []Gap{{"router.packets", "it was changed"}}}},

		{"a step that was not done", "steps", `errno == ""`, undone, Gap{"server.host", "step 3 was not done"}, Value{Unknown: []Gap{{"server.host", "step 3 was not done"}}}},
		{"that it was not done", "steps", `done`, undone, Gap{"server.host", "step 3 was not done"}, Value{Value: false}},
		{"an account", "steps", `done`, broken("server", evidence.Agent), Gap{"server.host", "it was changed"}, Value{Unknown: []Gap{{"server.host", "it was changed"}}, Blocked: []Gap{{"server.host", "it was changed"}}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := sample()
			test.alter(r)
			rows, gap, err := Open(r).Rows(test.table, Span{})
			require.NoError(t, err)
			assert.Equal(t, test.gap, gap)
			require.NotEmpty(t, rows)
			e, err := rows[0].kind.Compile(test.text)
			require.NoError(t, err)
			assert.Equal(t, test.want, e.Evaluate(rows[0], Quorum{}))
		})
	}
}

// What the verdict says of a datagram is what the column says.
func TestDelivered(t *testing.T) {
	lost := func(r *evidence.Run) {
		r.Datagrams[0].Receiver.Packet = nil
		r.Datagrams[0].Lacks["receiver.packets"] = "its capture has no such datagram"
	}
	broken := func(r *evidence.Run, host string, w evidence.Witness) { r.Hosts[host].Defects[w] = "it was changed" }
	for _, test := range []struct {
		name  string
		alter func(*evidence.Run)
		want  any
	}{
		{"it came", func(*evidence.Run) {}, true},
		{"it did not", lost, false},
		{"the receiver's capture is broken", func(r *evidence.Run) { lost(r); broken(r, "server", evidence.Packets) }, nil},
		{"it came, by a capture that is broken", func(r *evidence.Run) { broken(r, "server", evidence.Packets) }, nil},
		{"the receiver's account is missing", func(r *evidence.Run) { lost(r); broken(r, "server", evidence.Agent) }, nil},
		{"what the router translated is not known", func(r *evidence.Run) { lost(r); broken(r, "router", evidence.Conntrack) }, nil},
		{"the sender's capture is broken", func(r *evidence.Run) { lost(r); broken(r, "client", evidence.Packets) }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := sample()
			test.alter(r)
			tables := Open(r)
			var said any
			if delivered := tables.Delivered(&r.Datagrams[0]); delivered != nil {
				said = *delivered
			}
			assert.Equal(t, test.want, said)
			rows, _, err := tables.Rows("datagrams", Span{})
			require.NoError(t, err)
			require.NotEmpty(t, rows)
			e, err := rows[0].kind.Compile("delivered")
			require.NoError(t, err)
			assert.Equal(t, test.want, e.Evaluate(rows[0], Quorum{}).Value)
		})
	}
}

// What a claim counts of the witnesses is all that matters.
func TestQuorum(t *testing.T) {
	r := sample()
	r.Connections[0].Lacks["client.files"] = "none"
	r.Hosts["client"].Defects[evidence.Program] = "cut short"
	rows, _, err := Open(r).Rows("connections", Span{})
	require.NoError(t, err)
	for _, test := range []struct {
		q    Quorum
		want Value
	}{
		{Quorum{}, Value{Value: int64(40001), Blocked: []Gap{{"client.program", "cut short"}}}},
		{Quorum{SeenBy: 9}, Value{Unknown: []Gap{{"client.files", "none"}}, Blocked: []Gap{{"client.program", "cut short"}}}},
		{Quorum{Witnesses: []string{"client.packets", "client.sockets"}, SeenBy: 9}, Value{Value: int64(40001)}},
		{Quorum{Witnesses: []string{"client.packets", "client.program"}}, Value{Unknown: []Gap{{"client.program", "cut short"}}, Blocked: []Gap{{"client.program", "cut short"}}}},
		{Quorum{Witnesses: []string{"client.packets", "client.program"}, SeenBy: 1}, Value{Value: int64(40001), Blocked: []Gap{{"client.program", "cut short"}}}},
		{Quorum{Witnesses: []string{"server.packets"}}, Value{Unknown: []Gap{{Why: "no witness tells source.port of this row"}}}}, // behind the translation
		{Quorum{Witnesses: []string{}}, Value{Unknown: []Gap{{Why: "no witness tells source.port of this row"}}}},
	} {
		assert.Equal(t, test.want, rows[0].Cell("source.port", test.q), "%v", test.q)
	}
	assert.Equal(t, "there is no column prt in connections; did you mean client.port?", rows[0].Cell("prt", Quorum{}).Unknown[0].Why)
}

func TestStanding(t *testing.T) {
	r := sample()
	c := &r.Connections[0]
	c.Lacks["client.files"] = "none"
	c.Lacks["server.packets"], c.Contradicted["server.packets"] = "contradicts client.packets: so", true
	delete(c.Lacks, "server.program")
	r.Hosts["client"].Defects[evidence.Program] = "cut short"
	rows, _, err := Open(r).Rows("connections", Span{})
	require.NoError(t, err)
	for witness, want := range map[string]struct {
		Standing
		Gap
	}{
		"client.packets": {Standing: Whole},
		"client.files":   {Absent, Gap{"client.files", "none"}},
		"client.program": {Broken, Gap{"client.program", "cut short"}},
		"server.packets": {Contradicted, Gap{"server.packets", "contradicts client.packets: so"}},
		"server.program": {Standing: NotAsked},
		"eve.packets":    {Standing: NotAsked},
	} {
		standing, gap := rows[0].Standing(witness)
		assert.Equal(t, want.Standing, standing, witness)
		assert.Equal(t, want.Gap, gap, witness)
	}
}

// A connection is as it was at the snapshot, and not as it ended.
func TestConnectionsAtASnapshot(t *testing.T) {
	r := sample()
	later := connected()
	for _, packets := range [][]evidence.Packet{later.Client.Packets, later.Server.Packets, later.Path[0].Packets} {
		for i := range packets {
			packets[i].Time = packets[i].Time.Add(150 * time.Millisecond)
		}
		packets[0].Time, packets[1].Time = at(380), at(410) // the SYN before the second snapshot, the answer after it
	}
	later.Opening = 2
	r.Connections = append(r.Connections, later)
	tables := Open(r)
	for _, test := range []struct {
		span     Span
		openings []int64
		outcomes []any
	}{
		{Span{To: "waiting"}, []int64{1}, []any{"opened"}},
		{Span{From: "waiting", To: "accepted"}, []int64{2}, []any{"unanswered"}},
		{Span{}, []int64{1, 2}, []any{"opened", "unanswered"}},
	} {
		rows, _, err := tables.Rows("connections", test.span)
		require.NoError(t, err)
		var openings []int64
		var outcomes []any
		for _, row := range rows {
			openings = append(openings, row.Cell("opening", Quorum{}).Value.(int64))
			outcomes = append(outcomes, row.Cell("outcome", Quorum{}).Value)
			assert.Contains(t, row.Text(), row.Cell("outcome", Quorum{}).Value)
		}
		assert.Equal(t, test.openings, openings)
		assert.Equal(t, test.outcomes, outcomes)
	}
}

func TestKindsAreListedInTheirOrder(t *testing.T) {
	var names []string
	for _, k := range Kinds() {
		names = append(names, k.Name)
	}
	assert.Equal(t, "sockets files packets program conntrack connections datagrams steps", strings.Join(names, " "))
}

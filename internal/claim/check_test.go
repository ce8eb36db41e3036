package claim_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/claim"
	"github.com/fourtuple/fourtuple/internal/evidence/evidencetest"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// labOf is the first lab with two snapshots, a second program, and claims.
func labOf(t testing.TB, text string) *topology.Lab {
	t.Helper()
	lab := evidencetest.Read(t, evidencetest.First).Lab
	lab.Steps = []topology.Step{
		{Action: topology.Snapshot, Name: "waiting"}, {Action: topology.Snapshot, Name: "accepted"},
	}
	lab.Claims = claims(t, text)
	return lab
}

// What people write that is no claim, where that is said, and what is said.
func TestWrongClaims(t *testing.T) {
	for name, c := range map[string]struct {
		claim  string // the claim and its keys
		key    string // the way to the value from "claims.NAME" on
		offset int
		reason string // is part of it
	}{
		// Keys.
		"no such key":            {`{evry: connections, is: server.port == 1}`, "evry", 0, "there is no such key; did you mean every?"},
		"no such key beside":     {`{every: connections, whre: server.port == 1, is: opening == 1}`, "whre", 0, "did you mean where?"},
		"no quantifier":          {`{where: server.port == 1}`, "", 0, "it does not say of which rows: it needs one of every, some, none, count, distinct, same, before, all"},
		"nothing":                {`{}`, "", 0, "it needs one of every"},
		"two quantifiers":        {`{every: connections, some: connections, is: opening == 1}`, "some", 0, "every and some cannot stand in one claim"},
		"a key that does not go": {`{every: connections, is: opening == 1, of: [opening]}`, "of", 0, "it does not go with every"},
		"of what":                {`{distinct: connections}`, "", 0, "distinct needs of"},
		"how many":               {`{count: connections}`, "", 0, "count needs n"},
		"is what":                {`{every: connections}`, "", 0, "every needs is"},
		"some of what":           {`{some: connections}`, "", 0, "some needs where or is"},

		// Tables, hosts, snapshots.
		"no such table":       {`{every: conections, is: opening == 1}`, "every", 0, "did you mean connections?"},
		"no such host":        {`{every: sever.sockets, is: inode == 1}`, "every", 0, "did you mean server.sockets?"},
		"no such host table":  {`{every: server.socket, is: inode == 1}`, "every", 0, "did you mean server.sockets?"},
		"a host":              {`{every: server, is: inode == 1}`, "every", 0, "server is a host and not a table"},
		"a list of tables":    {`{every: [connections], is: opening == 1}`, "every", 0, "it must be the name of a table"},
		"no program there":    {`{some: router.program, is: 'event == "sent"'}`, "some", 0, "router has no program"},
		"no NAT there":        {`{some: router.conntrack, is: translated.source.port == 1}`, "some", 0, "router translates nothing"},
		"no such snapshot":    {`{at: waitin, some: connections, is: opening == 1}`, "at", 0, `there is no snapshot "waitin"; did you mean waiting?`},
		"no such snapshot to": {`{at: [waiting, acepted], some: connections, is: opening == 1}`, "at.[1]", 0, "did you mean accepted?"},
		"snapshots in order":  {`{at: [accepted, waiting], some: connections, is: opening == 1}`, "at", 0, "the snapshot accepted is not before waiting"},
		"one snapshot":        {`{at: [waiting, accepted], some: server.sockets, is: inode == 1}`, "at", 0, "the rows of server.sockets are those of one snapshot"},
		"three snapshots":     {`{at: [waiting, accepted, waiting], some: connections, is: opening == 1}`, "at", 0, "it must be the name of a snapshot, or two"},
		"at a number":         {`{at: 3, some: connections, is: opening == 1}`, "at", 0, "it must be the name of a snapshot"},

		// Expressions.
		"no such column":         {`{every: connections, is: server.prt == 12000}`, "is", 0, "server.prt"},
		"a wrong type":           {`{every: connections, is: server.port == "12000"}`, "is", 12, ""},
		"cut off":                {`{every: connections, is: server.port ==}`, "is", 0, ""},
		"no bool":                {`{every: connections, is: server.port}`, "is", 0, "it must be true or false of a row"},
		"no expression":          {`{every: connections, is: 3}`, "is", 0, "it must be an expression in text"},
		"where, too":             {`{every: connections, where: 'opening == "x"', is: opening == 1}`, "where", 8, ""},
		"always false":           {`{some: connections, is: 1 == 2}`, "is", 0, "it is false of every row"},
		"false by itself":        {`{some: connections, is: opening == 1 && false}`, "is", 0, "it is false of every row"},
		"always true":            {`{every: connections, is: 'opening == 1 || true'}`, "is", 0, "it is true of every row"},
		"two states at once":     {`{some: server.sockets, is: 'state == "LISTEN" && state == "ESTABLISHED"'}`, "is", 0, "it is false of every row"},
		"no such state":          {`{some: server.sockets, is: 'inode > 0 && state == "LISTENING"'}`, "is", 22, `state is never "LISTENING"; did you mean LISTEN?`},
		"no such state in lists": {`{some: server.sockets, is: 'state in ["LISTEN", "OPEN"]'}`, "is", 20, `state is never "OPEN"`},
		"no such protocol":       {`{some: server.sockets, where: '"tcp6" == protocol'}`, "where", 0, `protocol is never "tcp6"; did you mean tcp?`},
		"no such outcome":        {`{some: connections, is: 'outcome != "accepted"'}`, "is", 11, `outcome is never "accepted": there are opened, refused, unanswered`},
		"no such host in a cell": {`{some: connections, is: 'client.host == "clinet1"'}`, "is", 15, `client.host is never "clinet1"; did you mean client1?`},
		"no such router":         {`{some: connections, is: '"ruoter" in path'}`, "is", 0, `path is never "ruoter"; did you mean router?`},
		"no such event":          {`{some: server.program, is: 'event == "acepted"'}`, "is", 9, `event is never "acepted"; did you mean accepted?`},
		"no such call":           {`{some: steps, is: 'call == "acept"'}`, "is", 8, `call is never "acept"; did you mean accept?`},
		"no such errno":          {`{some: steps, is: 'errno == "EADRINUSE"'}`, "is", 9, `errno is never "EADRINUSE"; did you mean EADDRINUSE?`},
		"no errno":               {`{some: steps, is: 'errno == "refused"'}`, "is", 9, `errno is never "refused"`},
		"no such flag":           {`{some: server.packets, is: '"SYNC" in flags'}`, "is", 0, `flags is never "SYNC"; did you mean SYN?`},
		"no such port":           {`{some: server.sockets, is: 'local.port == 70000'}`, "is", 14, `local.port is never 70000: ports are 0 to 65535`},
		"after Korean":           {`{some: server.program, is: 'text == "한글" && event == "acepted"'}`, "is", 29, `event is never "acepted"`},

		// Numbers, columns, witnesses.
		"no number":               {`{count: connections, n: three}`, "n", 0, "it must be a number of rows, as 3, '>= 3'"},
		"less than none":          {`{count: connections, n: -1}`, "n", 0, "it must be a number of rows"},
		"fewer than none":         {`{count: connections, n: '< 0'}`, "n", 0, "it must be a number of rows"},
		"a range backwards":       {`{count: connections, n: '4..2'}`, "n", 0, "it must be a number of rows"},
		"half a row":              {`{count: connections, n: 2.5}`, "n", 0, "it must be a number of rows"},
		"any number":              {`{count: connections, n: '>= 0'}`, "n", 0, "nothing can refute the claim"},
		"every of none":           {`{every: connections, is: opening == 1, n: '>= 0'}`, "n", 0, "nothing is shown by no row"},
		"one to compare":          {`{distinct: connections, of: [opening], n: 1}`, "n", 0, "fewer than two rows cannot be compared"},
		"no such column to count": {`{distinct: connections, of: [source.address, source.prt]}`, "of.[1]", 0, "did you mean source.port?"},
		"a column twice":          {`{distinct: connections, of: [opening, opening]}`, "of.[1]", 0, "opening is named twice"},
		"no columns":              {`{distinct: connections, of: []}`, "of", 0, "it must be a list of columns"},
		"no such witness":         {`{every: connections, is: opening == 1, witnesses: [sever.packets]}`, "witnesses.[0]", 0, "did you mean server.packets?"},
		"who cannot tell":         {`{every: connections, is: 'client.state == "CLOSE"', witnesses: [server.sockets]}`, "witnesses.[0]", 0, "can tell nothing of what the claim looks at"},
		"a witness twice":         {`{every: connections, is: opening == 1, witnesses: [server.packets, server.packets]}`, "witnesses.[1]", 0, "named twice"},
		"seen by nobody":          {`{every: connections, is: opening == 1, seen-by: 0}`, "seen-by", 0, "it must be a number from 1 to 9"},
		"seen by more":            {`{every: connections, is: opening == 1, witnesses: [server.packets, client.packets], seen-by: 3}`, "seen-by", 0, "it must be a number from 1 to 2"},
		"seen by text":            {`{every: server.sockets, is: inode == 1, seen-by: two}`, "seen-by", 0, "it must be a number from 1 to 1"},

		// What is expected and said.
		"no such outcome expected": {`{some: connections, is: opening == 1, expect: refused}`, "expect", 0, "there is no such outcome; did you mean refuted?"},
		"not shown, but why":       {`{some: connections, is: opening == 1, expect: not-shown}`, "expect", 0, "name the witness whose absence is expected"},
		"missing where":            {`{some: connections, is: opening == 1, expect: {not-shown: client9.packets}}`, "expect.not-shown", 0, "there is no host client9; did you mean client1?"},
		"missing what":             {`{some: connections, is: opening == 1, expect: {not-shown: client1.packet}}`, "expect.not-shown", 0, "did you mean packets?"},
		"missing nothing":          {`{some: connections, is: opening == 1, expect: {not-shown: packets}}`, "expect.not-shown", 0, "name the host"},
		"expected otherwise":       {`{some: connections, is: opening == 1, expect: {holds: yes}}`, "expect", 0, "it must be holds, refuted or"},
		"said in another language": {`{some: connections, is: opening == 1, says: {de: nein}}`, "says.de", 0, "the languages are en and ko"},
		"said as a list":           {`{some: connections, is: opening == 1, says: [a]}`, "says", 0, "it must be text"},

		// before and all.
		"before alone":          {`{before: [{in: client1.packets, where: length > 0}]}`, "before", 0, "it must be a list of two"},
		"before where":          {`{before: [{in: client1.packets, where: length > 0}, {in: server.packets}]}`, "before.[1]", 0, "it needs where"},
		"before with a key":     {`{before: [{in: client1.packets, where: length > 0}, {in: server.packets, is: length > 0}]}`, "before.[1].is", 0, "it does not go with an event of before: there are in, where"},
		"before of no table":    {`{before: [{in: client1.packet, where: length > 0}, {in: server.packets, where: length > 0}]}`, "before.[0].in", 0, "did you mean client1.packets?"},
		"before no expression":  {`{before: [{in: client1.packets, where: length > 0}, {in: server.packets, where: length >}]}`, "before.[1].where", 0, ""},
		"all of nothing":        {`{all: []}`, "all", 0, "not an empty one"},
		"all of all":            {`{all: [{all: [{some: connections, is: opening == 1}]}]}`, "all.[0].all", 0, "it stands in a list of claims already"},
		"a wrong part":          {`{all: [{some: connections, is: opening == 1}, {some: connections, is: openin == 1}]}`, "all.[1].is", 0, "openin"},
		"a part without":        {`{all: [{is: opening == 1}]}`, "all.[0]", 0, "it does not say of which rows"},
		"a part with an expect": {`{all: [{some: connections, is: opening == 1, expect: refuted}]}`, "all.[0].expect", 0, "it goes with the whole claim"},
	} {
		t.Run(name, func(t *testing.T) {
			faults := claim.Check(labOf(t, "claim: "+c.claim))
			require.NotEmpty(t, faults)
			f := faults[0]
			want := strings.TrimSuffix("claims.claim."+c.key, ".")
			assert.Equal(t, want, strings.Join(f.Key, "."), f.Reason)
			assert.Contains(t, f.Reason, c.reason)
			if c.offset > 0 {
				assert.Equal(t, c.offset, f.Offset, f.Reason)
			}
			assert.NotContains(t, f.Reason, "\n")
			assert.Len(t, faults, 1, "%v", faults)
		})
	}
}

// Macros, by their names.
func TestWrongMacros(t *testing.T) {
	for name, c := range map[string]struct{ claims, key, reason string }{
		"no such macro":       {`one-prt: {of: 'server:12000'}`, "one-prt", "did you mean one-port?"},
		"of what":             {`one-port: {}`, "one-port", "one-port needs of: the host and its port"},
		"of a host":           {`one-port: {of: server}`, "one-port.of", "it must be a host and its port"},
		"of no port":          {`one-port: {of: 'server:http'}`, "one-port.of", "it must be a host and its port"},
		"of too much":         {`one-port: {of: 'server:120000'}`, "one-port.of", "it must be a host and its port"},
		"of no host":          {`one-port: {of: 'sever:12000'}`, "one-port.of", "there is no host sever; did you mean server?"},
		"of a router":         {`one-port: {of: 'router:12000'}`, "one-port.of", "router has no program"},
		"no such parameter":   {`one-port: {of: 'server:12000', client: 3}`, "one-port.client", "did you mean clients?"},
		"no client":           {`one-port: {of: 'server:12000', clients: 0}`, "one-port.clients", "1 or more"},
		"another expectation": {`one-port: {of: 'server:12000', expect: yes}`, "one-port.expect", "there is no such outcome: there are holds, refuted, {not-shown: HOST.WITNESS}"},
		"another snapshot":    {`one-port: {of: 'server:12000', at: never}`, "one-port.at", "there is no snapshot"},
		"what is built in":    {`witnesses-agree: {}`, "witnesses-agree", "it is built in and judged in every lab: leave it out"},
	} {
		t.Run(name, func(t *testing.T) {
			faults := claim.Check(labOf(t, c.claims))
			require.Len(t, faults, 1, "%v", faults)
			assert.Equal(t, "claims."+c.key, strings.Join(faults[0].Key, "."), faults[0].Reason)
			assert.Contains(t, faults[0].Reason, c.reason)
		})
	}
}

func TestRightClaims(t *testing.T) {
	for _, text := range []string{
		`{at: waiting, some: server.sockets, is: 'state == "ESTABLISHED" && inode == 0'}`,
		`{at: [waiting, accepted], none: connections, where: 'outcome in ["refused", "unanswered"]'}`,
		`{count: datagrams, where: delivered, n: '> 2', witnesses: [receiver.packets], seen-by: 1}`,
		`{every: connections, is: '!changed && size(path) == 1 && "router" in path'}`,
		`{every: steps, where: 'action == "type"', is: 'errno == "" && !waiting'}`,
		`{distinct: server.files, where: 'protocol != ""', of: inode, n: 4}`,
		`{none: client1.packets, is: '"RST" in flags || icmp != ""', expect: {not-shown: client1.packets}, says: {ko: 없다}}`,
		`{some: server.sockets, is: 'state == ""'}`,
	} {
		assert.Empty(t, claim.Check(labOf(t, "claim: "+text)), text)
	}
	for _, m := range claim.Macros() {
		assert.Empty(t, claim.Check(labOf(t, m.Name+": {of: 'server:12000', at: waiting, expect: refuted, says: it}")), m.Name)
	}
	two := labOf(t, `{a: {count: connections, n: 3}}`)
	two.Claims = append(two.Claims, two.Claims[0])
	assert.Len(t, claim.Check(two), 1)
}

// Waits are checked like claims.
func TestWrongWaits(t *testing.T) {
	for _, c := range []struct{ on, table, where, key, reason string }{
		{"server", "sockets", `state == "LISTEN"`, "", ""},
		{"server", "sockets", `state == "LISTENING"`, "server.sockets", "did you mean LISTEN?"},
		{"server", "sokets", `state == "LISTEN"`, "server.sokets", "did you mean server.sockets?"},
		{"sever", "sockets", `state == "LISTEN"`, "sever.sockets", "did you mean server.sockets?"},
		{"server", "program", `event == "ready"`, "server.program", `event is never "ready"`},
		{"router", "program", `event == "listening"`, "router.program", "router has no program"},
		{"server", "packets", `length`, "server.packets", "it must be true or false"},
		{"server", "packets", `lenght > 1`, "server.packets", "length"},
		{"server", "packets", `1 > 2`, "server.packets", "it can never match"},
	} {
		lab := labOf(t, "")
		lab.Steps = append(lab.Steps, topology.Step{Action: topology.Wait, On: []string{c.on}, Table: c.table, Where: c.where})
		faults := claim.Check(lab)
		if c.key == "" {
			assert.Empty(t, faults)
			continue
		}
		require.Len(t, faults, 1, c.where)
		assert.Equal(t, []string{"steps", "[2]", "wait", c.key}, faults[0].Key)
		assert.Contains(t, faults[0].Reason, c.reason)
	}
}

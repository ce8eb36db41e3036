package table

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/topology"
)

func lines[R any](t *testing.T, records ...R) (text []byte) {
	t.Helper()
	for _, r := range records {
		line, err := json.Marshal(r)
		require.NoError(t, err)
		text = append(append(text, line...), '\n')
	}
	return text
}

func TestWatch(t *testing.T) {
	r := sample()
	server := r.Hosts["server"]
	watch := func(host, table, where string) func([]byte) bool {
		w, err := Watch(r.Lab, topology.Step{Action: topology.Wait, On: []string{host}, Table: table, Where: where})
		require.NoError(t, err)
		return func(records []byte) bool {
			over, err := w(records)
			require.NoError(t, err)
			return over
		}
	}
	listens := watch("server", "sockets", `state == "LISTEN" && local.port == 12000 && protocol == "tcp"`)
	assert.False(t, listens(nil))
	assert.False(t, listens(lines(t, server.Sockets[:2]...)))
	assert.True(t, listens(lines(t, server.Sockets[2])))
	assert.True(t, listens(nil), "the last dump still has it")
	assert.True(t, listens(lines(t, server.Sockets[3])), "another row of the same dump")
	assert.False(t, listens(lines(t, server.Sockets[4])), "the next dump has it no more")

	answered := watch("server", "program", `event == "answer"`)
	assert.False(t, answered(lines(t, server.Program[0])))
	assert.True(t, answered(lines(t, server.Program[1:]...)), "an event is over when others come")
	assert.True(t, watch("server", "files", `fd == 4`)(lines(t, server.Files...)))
	assert.True(t, watch("router", "conntrack", `original.source.port == 40001`)(lines(t, r.Hosts["router"].Translations...)))

	w, err := Watch(r.Lab, topology.Step{On: []string{"server"}, Table: "sockets", Where: "inode == 1"})
	require.NoError(t, err)
	_, err = w([]byte("{\n"))
	assert.ErrorContains(t, err, "a record of server.sockets: ")
}

func TestWaitsThatCannotBe(t *testing.T) {
	for _, test := range []struct{ host, table, where, want string }{
		{"server", "packets", "outgoing", "a run cannot wait for packets: wait for a row of server.sockets, or for what a program says in server.program"},
		{"server", "sokets", "inode == 1", "there is no table server.sokets; did you mean server.sockets?"},
		{"server", "sockets", "inode", "what is waited for must be true or false"},
		{"server", "sockets", "inod == 1", "there is no column inod in sockets; did you mean inode?"},
		{"server", "sockets", "pid == 1", "a wait for server.sockets cannot look at pid, which server.files tells"},
		{"server", "conntrack", "protocol == ''", "server translates nothing, so there is no server.conntrack"},
	} {
		_, err := Watch(sample().Lab, topology.Step{On: []string{test.host}, Table: test.table, Where: test.where})
		assert.EqualError(t, err, test.want)
	}
	_, err := Watch(sample().Lab, topology.Step{Table: "sockets"})
	assert.EqualError(t, err, "wait for a row of sockets: of which host?")
}

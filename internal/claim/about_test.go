package claim_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/claim"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// Claims look at the socket tables that they name, or whose files, at their
// snapshot or else at the last one: also in lists, in macros and in pairs.
func TestSocketTables(t *testing.T) {
	lab := labOf(t, `
later: {some: server.sockets, is: inode == 0}
files: {at: waiting, some: client1.files, is: inode != 0}
joined: {every: connections, is: opening == 1}
packets: {some: server.packets, is: 'length == 0'}
all-of-them:
  at: waiting
  all:
    - {none: server.sockets, is: inode == 0}
    - {at: accepted, none: client2.sockets, is: inode == 0}
    - {none: server.sockets, is: inode == 1}
one-port: {of: "server:12000", at: waiting}
`)
	require.Equal(t, []claim.SocketTable{
		{Host: "client1", Snapshot: "waiting"},
		{Host: "server", Snapshot: "waiting"},
		{Host: "client2", Snapshot: "accepted"},
		{Host: "server", Snapshot: "accepted"},
	}, claim.SocketTables(lab))
	lab.Steps = nil
	require.Empty(t, claim.SocketTables(lab))
}

// Beliefs are claims that are to be refuted, in the words of the lab or of the
// language.
func TestBeliefs(t *testing.T) {
	lab := labOf(t, `
holds: {some: connections, is: opening == 1}
says: {says: {en: a new port, ko: 새 포트}, expect: refuted, some: connections, is: opening == 1}
absent: {expect: {not-shown: server.packets}, some: server.packets, is: 'length == 0'}
made: {expect: refuted, none: connections, is: opening == 1}
`)
	require.Equal(t, []topology.Text{
		{EN: "a new port", KO: "새 포트"},
		{EN: "no row of connections where opening == 1", KO: "connections에서 opening == 1인 행이 없다"},
	}, claim.Beliefs(lab))
}

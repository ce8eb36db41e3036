package claim_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/claim"
	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/evidence/evidencetest"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// What a claim says where it does not say it itself.
func TestTextFromKeys(t *testing.T) {
	run, err := evidence.Load(evidencetest.Copy(t, evidencetest.First))
	require.NoError(t, err)
	for text, want := range map[string]topology.Text{
		`{every: connections, where: opening == 1, is: server.port == 12000}`: {
			EN: "every row of connections where opening == 1: server.port == 12000",
			KO: "connections에서 opening == 1인 모든 행: server.port == 12000",
		},
		`{some: server.sockets, is: inode == 1, at: settled}`: {
			EN: "some row of server.sockets at settled where inode == 1",
			KO: "settled 때 server.sockets에서 inode == 1인 행이 있다",
		},
		`{none: server.sockets, where: inode == 1 || inode == 2, is: uid == 0}`: {
			EN: "no row of server.sockets where (inode == 1 || inode == 2) && uid == 0",
			KO: "server.sockets에서 (inode == 1 || inode == 2) && uid == 0인 행이 없다",
		},
		`{count: connections, n: '>= 3'}`: {
			EN: "there are at least 3 rows of connections",
			KO: "connections의 행은 3개 이상이다",
		},
		`{distinct: connections, of: [source.address, source.port]}`: {
			EN: "all rows of connections differ in source.address, source.port",
			KO: "connections의 모든 행은 source.address, source.port 값이 서로 다르다",
		},
		`{same: connections, of: [destination.port]}`: {
			EN: "all rows of connections are the same in destination.port",
			KO: "connections의 모든 행은 destination.port 값이 같다",
		},
		`{before: [{in: client1.packets, where: length > 0}, {in: server.packets, where: length > 0}]}`: {
			EN: "the first row of client1.packets where length > 0 comes before the first of server.packets where length > 0",
			KO: "client1.packets에서 length > 0인 첫 행이 server.packets에서 length > 0인 첫 행보다 앞선다",
		},
		`{all: [{count: connections, n: 1}, {count: connections, n: '2..4'}]}`: {
			EN: "there is 1 row of connections; there are 2 to 4 rows of connections",
			KO: "connections의 행은 1개다; connections의 행은 2개에서 4개다",
		},
		`{count: connections, n: 1, says: {en: one}}`: {EN: "one", KO: "connections의 행은 1개다"},
	} {
		run.Lab.Claims = claims(t, "claim: "+text)
		assert.Equal(t, want, claim.Judge(run).Claims[0].Text, text)
	}
}

// Package evidencetest gives tests run folders of the first lab, as hosts wrote
// them in a run, to be altered and judged:
//
//	server 10.12.0.10 ── router ─┬─ client1 10.12.1.10
//	                             ├─ client2 10.12.2.10
//	                             └─ client3 10.12.3.10
//
// They lie in testdata and were made by lab run --engine netns of the lab.yml
// beside them: docker-compose.yml with fixed source ports, and for Masqueraded
// with x-lab.masquerade at the router. Copy gives one as it is; Edit changes a file as somebody with an
// editor would, and Reseal seals the folder anew. Read gives its records as
// values: a test changes what it likes, and Write writes them, sealed.
package evidencetest

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

//go:embed testdata
var kept embed.FS

// The runs that are kept: First holds; in Masqueraded the router translates
// what it forwards to the server.
const (
	First       = "first"
	Masqueraded = "masqueraded"
)

// ServerEnd is the server's endpoint of every connection.
var ServerEnd = netip.MustParseAddrPort("10.12.0.10:12000")

// ClientEnd is the nth client's endpoint.
func ClientEnd(n int) netip.AddrPort {
	return netip.MustParseAddrPort(fmt.Sprintf("10.12.%d.10:4000%[1]d", n))
}

// Copy is a run folder with a copy of a kept run.
func Copy(t testing.TB, name string) (dir string) {
	t.Helper()
	files, err := fs.Sub(kept, "testdata/"+name)
	require.NoError(t, err)
	dir = filepath.Join(t.TempDir(), "run")
	require.NoError(t, os.CopyFS(dir, files))
	return dir
}

// Edit changes a file of a folder and leaves its seal.
func Edit(t testing.TB, dir, name string, change func([]byte) []byte) {
	t.Helper()
	path := filepath.Join(dir, name)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, change(data), 0o644))
}

// Reseal seals every host's files anew: the length, the count and the hash of
// each, as they are now.
func Reseal(t testing.TB, dir string) {
	t.Helper()
	accounts, err := filepath.Glob(filepath.Join(dir, evidence.FileName("*", evidence.Agent)))
	require.NoError(t, err)
	for _, account := range accounts {
		host := strings.TrimSuffix(filepath.Base(account), evidence.FileName("", evidence.Agent))
		Edit(t, dir, filepath.Base(account), func(data []byte) []byte {
			var events []evidence.HostEvent
			for line := range bytes.Lines(data) {
				var e evidence.HostEvent
				require.NoError(t, json.Unmarshal(line, &e))
				if e.Event == evidence.HostClosed {
					e.Seals = seals(t, dir, host)
				}
				events = append(events, e)
			}
			return lines(t, events)
		})
	}
}

// seals are the seals of the host's files as they are.
func seals(t testing.TB, dir, host string) []evidence.Seal {
	t.Helper()
	var seals []evidence.Seal
	for _, w := range []evidence.Witness{evidence.Packets, evidence.Sockets, evidence.Files, evidence.Program, evidence.Conntrack} {
		name := evidence.FileName(host, w)
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			continue
		}
		sum := sha256.Sum256(data)
		records := bytes.Count(data, []byte("\n"))
		if w == evidence.Packets {
			records = packetsIn(data)
		}
		seals = append(seals, evidence.Seal{Witness: w, File: name, Bytes: int64(len(data)), Records: records, SHA256: hex.EncodeToString(sum[:])})
	}
	return seals
}

// packetsIn counts the packets of a capture, as far as it can be read.
func packetsIn(capture []byte) (n int) {
	r, err := pcapgo.NewNgReader(bytes.NewReader(capture), pcapgo.NgReaderOptions{WantMixedLinkType: true})
	for err == nil {
		if _, _, err = r.ZeroCopyReadPacketData(); err == nil {
			n++
		}
	}
	return n
}

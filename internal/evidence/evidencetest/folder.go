package evidencetest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// Write makes the folder dir of a sample with the options.
func Write(t testing.TB, dir string, o Options) { t.Helper(); New(o).Write(t, dir) }

// Write makes the run folder dir of the sample, as a run of it would. Ids,
// hashes and seals that a test has set are written as they are.
func (s *Sample) Write(t testing.TB, dir string) {
	t.Helper()
	folder, err := evidence.Create(dir, s.Lab, s.Source)
	require.NoError(t, err)
	for name, h := range s.Hosts {
		write := func(w evidence.Witness, data []byte) { require.NoError(t, folder.Append(name, w, data)) }
		write(evidence.Packets, Capture(t, s.Interfaces[name], h.Packets))
		write(evidence.Sockets, lines(t, h.Sockets))
		write(evidence.Files, lines(t, h.Files))
		write(evidence.Program, lines(t, h.Program))
		if lab, ok := s.Lab.Host(name); ok && len(lab.Masquerade) > 0 {
			write(evidence.Conntrack, lines(t, h.Translations))
		}
		events := slices.Clone(h.Events)
		for i := range events {
			e := &events[i]
			if e.Event == evidence.HostRegistered && e.Run == "" && e.Lab == "" {
				e.Run, e.Lab = folder.ID, folder.LabHash
			}
			if e.Event == evidence.HostClosed && e.Seals == nil {
				e.Seals = seals(t, dir, name)
			}
		}
		write(evidence.Agent, lines(t, events))
	}
	require.NoError(t, folder.Close())
}

func lines[R any](t testing.TB, records []R) []byte {
	t.Helper()
	var all bytes.Buffer
	encoder := json.NewEncoder(&all)
	encoder.SetEscapeHTML(false)
	for _, r := range records {
		require.NoError(t, encoder.Encode(r))
	}
	return all.Bytes()
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

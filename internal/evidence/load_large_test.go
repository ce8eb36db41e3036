package evidence_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/evidence/evidencetest"
)

// FuzzLoadHost loads a run in which one host's account and one of its tables
// are anything. Whatever has no defect is what a host may write.
func FuzzLoadHost(f *testing.F) {
	dir := evidencetest.Copy(f, evidencetest.First)
	for _, table := range []string{"sockets", "files", "program"} {
		account, err := os.ReadFile(filepath.Join(dir, "client1.host.jsonl"))
		require.NoError(f, err)
		rows, err := os.ReadFile(filepath.Join(dir, "client1."+table+".jsonl"))
		require.NoError(f, err)
		f.Add(table, account, rows)
	}
	f.Fuzz(func(t *testing.T, table string, account, rows []byte) {
		name := "client1." + table + ".jsonl"
		if !evidence.IsRunFile(name) || strings.Contains(name, "/") {
			t.Skip()
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, "client1.host.jsonl"), account, 0o644))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), rows, 0o644))
		r, err := evidence.Load(dir)
		require.NoError(t, err)
		h := r.Hosts["client1"]
		if h.Defect(evidence.Sockets) == "" && len(h.Sockets) != bytes.Count(rows, []byte("\n")) && table == "sockets" {
			t.Fatalf("%d sockets of %q without a defect", len(h.Sockets), rows)
		}
		for _, s := range h.Sockets {
			if s.Host != "client1" || s.Snapshot < 1 || !s.Local.IsValid() {
				t.Fatalf("impossible row %+v", s)
			}
		}
	})
}

// BenchmarkLoad loads a run of a million packets, among them 100,000 SYNs that
// nobody answered.
func BenchmarkLoad(b *testing.B) {
	s := evidencetest.Read(b, evidencetest.First)
	h := s.Hosts["client1"]
	syn := h.Packets[0]
	for i := range 100_000 {
		p := syn
		p.Source = netip.AddrPortFrom(netip.MustParseAddr(fmt.Sprintf("10.12.1.%d", i/60_000+11)), uint16(1+i%60_000))
		h.Packets = append(h.Packets, p)
	}
	for len(h.Packets) < 1_000_000 {
		h.Packets = append(h.Packets, h.Packets[3])
	}
	dir := b.TempDir()
	s.Write(b, dir)
	b.ReportAllocs()
	for b.Loop() {
		_, err := evidence.Load(dir)
		require.NoError(b, err)
	}
}

// BenchmarkLoadRows loads a run of a million rows of sockets, of 1,000 dumps.
func BenchmarkLoadRows(b *testing.B) {
	s := evidencetest.Read(b, evidencetest.First)
	h := s.Hosts["client1"]
	first, number := h.Sockets[0], 0
	h.Sockets = nil
	for i := range h.Events {
		e := &h.Events[i]
		if e.Event == evidence.HostSnapshot {
			number = 1001
			e.Snapshot = number
		}
	}
	for dump := 2; dump <= number; dump++ {
		for i := range 1000 {
			row := first
			row.Snapshot, row.Inode, row.State, row.SendQueue = dump, first.Inode+uint64(i), evidence.Listen, uint32(dump)
			row.Time = first.Time.Add(time.Duration(dump) * time.Microsecond)
			row.Local, row.Remote = netip.AddrPortFrom(row.Local.Addr(), uint16(20_000+i)), netip.MustParseAddrPort("0.0.0.0:0")
			h.Sockets = append(h.Sockets, row)
		}
	}
	dir := b.TempDir()
	s.Write(b, dir)
	b.ReportAllocs()
	for b.Loop() {
		r, err := evidence.Load(dir)
		require.NoError(b, err)
		require.Len(b, r.Hosts["client1"].Sockets, 1_000_000)
	}
}

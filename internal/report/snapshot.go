package report

import (
	"fmt"
	"maps"
	"slices"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// SocketsAt are the rows of a host's named snapshot; without a name those of
// the last snapshot that has a name. Of a host whose evidence ends before its
// first named snapshot they are the last that there are.
func SocketsAt(h *evidence.Host, snapshot string) ([]evidence.Socket, error) {
	return rowsAt(h, snapshot, h.Sockets, func(s evidence.Socket) int { return s.Snapshot })
}

// FilesAt is SocketsAt for open files.
func FilesAt(h *evidence.Host, snapshot string) ([]evidence.File, error) {
	return rowsAt(h, snapshot, h.Files, func(f evidence.File) int { return f.Snapshot })
}

func rowsAt[R any](h *evidence.Host, snapshot string, rows []R, numberOf func(R) int) ([]R, error) {
	number, found := h.Snapshots[snapshot]
	if !found && snapshot != "" {
		return nil, fmt.Errorf("%s has no snapshot %q; those it has: %q", Printable(h.Name), snapshot, slices.Sorted(maps.Keys(h.Snapshots)))
	}
	if !found && len(h.Snapshots) > 0 {
		number = slices.Max(slices.Collect(maps.Values(h.Snapshots)))
	}
	for _, row := range rows {
		if len(h.Snapshots) == 0 {
			number = max(number, numberOf(row))
		}
	}
	var chosen []R
	for _, row := range rows {
		if numberOf(row) == number {
			chosen = append(chosen, row)
		}
	}
	return chosen, nil
}

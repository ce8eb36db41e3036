package report

import "github.com/fourtuple/fourtuple/internal/evidence"

// LastSnapshot keeps the rows of one snapshot of a host: of those that show the
// most ESTABLISHED rows, the last. That is the moment to look at, when all
// connections stand: at the server the listening socket and an accepted socket
// for each client. Where no snapshot shows an established connection, it is the
// last one.
//
// The rows are those of one host, in any order; their order is kept.
func LastSnapshot[R evidence.Socket | evidence.File](rows []R) []R {
	established := make(map[int]int)
	for _, row := range rows {
		number, state := snapshotOf(row)
		if state == evidence.Established {
			established[number]++
		} else {
			established[number] += 0
		}
	}
	best := 0
	for number, n := range established {
		if n > established[best] || n == established[best] && number > best {
			best = number
		}
	}
	var kept []R
	for _, row := range rows {
		if number, _ := snapshotOf(row); number == best {
			kept = append(kept, row)
		}
	}
	return kept
}

func snapshotOf[R evidence.Socket | evidence.File](row R) (number int, state string) {
	switch row := any(row).(type) {
	case evidence.Socket:
		return row.Snapshot, row.State
	case evidence.File:
		return row.Snapshot, row.State
	}
	return 0, ""
}

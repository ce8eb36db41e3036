package files

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// passes is how often the tables are read for sockets that were not found. A
// table is read in pieces while it changes, so one pass may miss a socket.
const passes = 2

// resolve fills in the rows of sockets from the tables of the process's network
// namespace. A socket that is in no table is not bound: for it the kernel knows
// no more than its protocol.
func (v *visit) resolve() error {
	for range passes {
		for _, t := range tables {
			if len(v.sockets) == 0 {
				return nil
			}
			if err := v.readTable(t); err != nil {
				return err
			}
		}
	}
	for _, rows := range v.sockets {
		for _, i := range rows {
			if err := v.unbound(&v.rows[i]); err != nil {
				return err
			}
		}
	}
	v.rows = slices.DeleteFunc(v.rows, func(f evidence.File) bool { return f.Type == "" })
	return nil
}

func (v *visit) readTable(t table) error {
	f, err := v.process.file("net/" + t.file)
	if errors.Is(goneOr(err), ErrGone) {
		// Not every kernel has every protocol.
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	wanted := func(inode uint64) bool { return v.sockets[inode] != nil }
	err = t.read(f, wanted, func(inode uint64, s socket) {
		for _, row := range v.sockets[inode] {
			s.describe(&v.rows[row])
		}
		delete(v.sockets, inode)
	})
	if err != nil {
		return fmt.Errorf("read %s: %w", f.Name(), err)
	}
	return nil
}

// unbound fills in the row of a socket that is in no table. A socket that is
// gone by now is left without a type, for resolve to take away.
func (v *visit) unbound(row *evidence.File) error {
	name := "fd/" + strings.TrimSuffix(row.FD, "u")
	s, err := v.process.stat(name)
	if errors.Is(goneOr(err), ErrGone) || err == nil && s.Ino != row.Inode {
		return nil
	}
	if err != nil {
		return err
	}
	row.Type, row.Device, row.SizeOff = "sock", deviceOf(uint64(s.Dev)).String(), offset(0)
	row.Node, row.Name = strconv.FormatUint(s.Ino, 10), "can't identify protocol"
	var protocol [64]byte
	n, err := unix.Getxattr(v.process.path+"/"+name, "system.sockprotoname", protocol[:])
	if err == nil {
		row.Name = "protocol: " + string(bytes.TrimRight(protocol[:n], "\x00"))
	}
	return nil
}

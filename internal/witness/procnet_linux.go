package witness

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strconv"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// procNetTables are the tables of /proc/PID/net in which sockets are looked up,
// by evidence's names of their protocols, which are the files' too.
var procNetTables = [...]struct{ protocol, family string }{
	{"tcp", "IPv4"}, {"tcp6", "IPv6"}, {"udp", "IPv4"}, {"udp6", "IPv6"},
}

// Sockets are those that are not looked up yet: by their protocol and inode,
// the indices of their rows. Several descriptors may be the same socket.
type sockets map[string]map[uint64][]int

func (s sockets) add(protocol string, inode uint64, row int) {
	if s[protocol] == nil {
		s[protocol] = make(map[uint64][]int)
	}
	s[protocol][inode] = append(s[protocol][inode], row)
}

// resolve fills in the rows of all sockets that the tables in the directory
// have. A table is read in pieces while it changes, so that one pass may miss a
// socket: it is read twice where one is missing.
func (s sockets) resolve(directory string, rows []evidence.File) error {
	for range 2 {
		for _, t := range procNetTables {
			if len(s[t.protocol]) == 0 {
				continue
			}
			file, err := os.Open(directory + "/" + t.protocol)
			if err != nil {
				return goneOr(err)
			}
			err = readProcNet(file, s[t.protocol], func(row int, p procNetRow) {
				f := &rows[row]
				f.Type, f.Protocol, f.Local, f.Remote, f.State = t.family, t.protocol, p.local, p.remote, p.state
			})
			file.Close()
			if err != nil {
				return fmt.Errorf("read %s: %w", file.Name(), goneOr(err))
			}
		}
	}
	return nil
}

// A procNetRow is what a line of a table says of a socket.
type procNetRow struct {
	local, remote netip.AddrPort
	state         string
}

// readProcNet reads a table, a line of titles and then a line for each socket
// (proc_pid_net(5)), and takes those out of wanted that it finds.
func readProcNet(r io.Reader, wanted map[uint64][]int, found func(row int, p procNetRow)) error {
	const localColumn, remoteColumn, stateColumn, inodeColumn = 1, 2, 3, 9
	lines := bufio.NewScanner(r)
	for lines.Scan() && len(wanted) > 0 {
		columns := bytes.Fields(lines.Bytes())
		if len(columns) > 0 && string(columns[0]) == "sl" {
			continue
		}
		if len(columns) <= inodeColumn {
			return fmt.Errorf("line %.80q is cut short", lines.Bytes())
		}
		inode, err := strconv.ParseUint(string(columns[inodeColumn]), 10, 64)
		if err != nil {
			return fmt.Errorf("inode %.20q is no number", columns[inodeColumn])
		}
		if wanted[inode] == nil {
			continue
		}
		p, err := parseProcNetRow(columns[localColumn], columns[remoteColumn], columns[stateColumn])
		if err != nil {
			return err
		}
		for _, row := range wanted[inode] {
			found(row, p)
		}
		delete(wanted, inode)
	}
	return lines.Err()
}

func parseProcNetRow(local, remote, state []byte) (p procNetRow, err error) {
	if p.local, err = parseProcNetEndpoint(local); err != nil {
		return p, err
	}
	if p.remote, err = parseProcNetEndpoint(remote); err != nil {
		return p, err
	}
	number, err := strconv.ParseUint(string(state), 16, 8)
	name, ok := evidence.StateName(number)
	if err != nil || !ok {
		return p, fmt.Errorf("state %.20q is unknown", state)
	}
	p.state = name
	return p, nil
}

// parseProcNetEndpoint reads 0100007F:2EE0: the address in words of 32 bits as
// the machine reads them, the port as people do.
func parseProcNetEndpoint(text []byte) (netip.AddrPort, error) {
	address, port, _ := bytes.Cut(text, []byte(":"))
	number, err := strconv.ParseUint(string(port), 16, 16)
	if err != nil || len(port) != 4 || len(address) != 8 && len(address) != 32 {
		return netip.AddrPort{}, fmt.Errorf("endpoint %.50q is malformed", text)
	}
	var b []byte
	for ; len(address) > 0; address = address[8:] {
		word, err := strconv.ParseUint(string(address[:8]), 16, 32)
		if err != nil {
			return netip.AddrPort{}, fmt.Errorf("endpoint %.50q is malformed", text)
		}
		b = binary.NativeEndian.AppendUint32(b, uint32(word))
	}
	ip, _ := netip.AddrFromSlice(b)
	return netip.AddrPortFrom(ip.Unmap(), uint16(number)), nil
}

package witness

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// Sockets are those that are still to be looked up: by protocol, which is also
// the name of a table in /proc/PID/net, and inode, the indices of their rows.
// Several descriptors may be the same socket.
type sockets map[string]map[uint64][]int

func (s sockets) add(protocol string, inode uint64, row int) {
	if s[protocol] == nil {
		s[protocol] = make(map[uint64][]int)
	}
	s[protocol][inode] = append(s[protocol][inode], row)
}

// resolve fills in the rows of all sockets that the tables in the directory
// have. A table is read in pieces while it changes, so that a socket may be
// missed: the table is then read once more.
func (s sockets) resolve(directory string, rows []evidence.File) error {
	for protocol, wanted := range s {
		family := "IPv4"
		if strings.HasSuffix(protocol, "6") {
			family = "IPv6"
		}
		for range 2 {
			if len(wanted) == 0 {
				break
			}
			table, err := os.ReadFile(directory + "/" + protocol)
			if err != nil {
				return goneOr(err)
			}
			err = readProcNet(table, wanted, func(row int, p procNetRow) {
				f := &rows[row]
				f.Type, f.Protocol, f.Local, f.Remote, f.State = family, protocol, p.local, p.remote, p.state
			})
			if err != nil {
				return fmt.Errorf("%s/%s: %w", directory, protocol, err)
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
func readProcNet(table []byte, wanted map[uint64][]int, found func(row int, p procNetRow)) error {
	_, lines, _ := bytes.Cut(table, []byte("\n"))
	for line := range bytes.Lines(lines) {
		const inodeColumn = 9
		columns := bytes.Fields(line)
		if len(columns) <= inodeColumn {
			return fmt.Errorf("line %.80q is cut short", line)
		}
		inode, err := strconv.ParseUint(string(columns[inodeColumn]), 10, 64)
		if err != nil {
			return fmt.Errorf("inode %.20q is no number", columns[inodeColumn])
		}
		if wanted[inode] == nil {
			continue
		}
		p, err := parseProcNetRow(string(columns[1]), string(columns[2]), string(columns[3]))
		if err != nil {
			return err
		}
		for _, row := range wanted[inode] {
			found(row, p)
		}
		delete(wanted, inode)
	}
	return nil
}

func parseProcNetRow(local, remote, state string) (procNetRow, error) {
	l, errLocal := parseProcNetEndpoint(local)
	r, errRemote := parseProcNetEndpoint(remote)
	number, errState := strconv.ParseUint(state, 16, 8)
	name, ok := evidence.StateName(number)
	if errState == nil && !ok {
		errState = fmt.Errorf("state %.20q is unknown", state)
	}
	return procNetRow{l, r, name}, cmp.Or(errLocal, errRemote, errState)
}

// parseProcNetEndpoint reads 0100007F:2EE0: the address in words of 32 bits as
// the machine reads them, the port as people do.
func parseProcNetEndpoint(text string) (netip.AddrPort, error) {
	address, port, _ := strings.Cut(text, ":")
	b, err := hex.DecodeString(address)
	for i := 0; i+4 <= len(b); i += 4 {
		binary.NativeEndian.PutUint32(b[i:], binary.BigEndian.Uint32(b[i:]))
	}
	ip, ok := netip.AddrFromSlice(b)
	number, errPort := strconv.ParseUint(port, 16, 16)
	if err != nil || !ok || errPort != nil || len(port) != 4 {
		return netip.AddrPort{}, fmt.Errorf("endpoint %.50q is malformed", text)
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(number)), nil
}

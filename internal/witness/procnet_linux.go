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

// resolveSockets completes the rows that have a protocol from the tables of
// that name in /proc/PID/net. A table is read in pieces while it changes, so
// that a socket may be missed: the table is then read once more. Rows of sockets
// that are in no table lose their protocol.
func resolveSockets(directory string, files []evidence.File) error {
	found := make(map[uint64]procNetRow)
	for _, protocol := range [...]string{"tcp", "tcp6", "udp", "udp6"} {
		wanted := make(map[uint64]bool)
		for _, f := range files {
			if f.Protocol == protocol {
				wanted[f.Inode] = true
			}
		}
		for attempt := 0; attempt < 2 && len(wanted) > 0; attempt++ {
			table, err := os.ReadFile(directory + "/" + protocol)
			if err != nil {
				return goneOr(err)
			}
			if err := readProcNet(table, wanted, found); err != nil {
				return fmt.Errorf("%s/%s: %w", directory, protocol, err)
			}
		}
	}
	for i := range files {
		f := &files[i]
		p, ok := found[f.Inode]
		switch {
		case !ok || f.Protocol == "":
			f.Protocol = ""
		case strings.HasSuffix(f.Protocol, "6"):
			f.Type, f.Local, f.Remote, f.State = "IPv6", p.local, p.remote, p.state
		default:
			f.Type, f.Local, f.Remote, f.State = "IPv4", p.local, p.remote, p.state
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
// (proc_pid_net(5)), and moves the inodes that it finds from wanted to found.
func readProcNet(table []byte, wanted map[uint64]bool, found map[uint64]procNetRow) error {
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
		if !wanted[inode] {
			continue
		}
		if found[inode], err = parseProcNetRow(string(columns[1]), string(columns[2]), string(columns[3])); err != nil {
			return err
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

package files

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"strconv"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// A socket is what a table in /proc/PID/net says of one, in lsof's columns.
type socket struct {
	kind, device, node, name string
	// local, remote and state are set for TCP sockets.
	local, remote netip.AddrPort
	state         string
}

func (s socket) describe(f *evidence.File) {
	f.Type, f.Device, f.SizeOff, f.Node, f.Name = s.kind, s.device, offset(0), s.node, printable(s.name)
	f.Local, f.Remote, f.State = s.local, s.remote, s.state
}

// A table is one file of /proc/PID/net: a line of titles, then a line for each
// socket.
type table struct {
	file string
	// inode is the column that has the socket's inode, from 0.
	inode int
	// parse reads a line that has that column.
	parse func(columns [][]byte) (socket, error)
}

// tables are the tables that lsof knows, those first that a program of a lab is
// most likely to have sockets in: reading ends when every socket is found.
var tables = []table{
	{"tcp", 9, parseTCP("IPv4")},
	{"tcp6", 9, parseTCP("IPv6")},
	{"unix", 6, parseUnix},
	{"udp", 9, parseUDP("IPv4", "UDP")},
	{"udp6", 9, parseUDP("IPv6", "UDP")},
	{"netlink", 9, parseNetlink},
	{"packet", 8, parsePacket},
	{"raw", 9, parseRaw("raw")},
	{"raw6", 9, parseRaw("raw6")},
	{"icmp", 9, parseICMP},
	{"udplite", 9, parseUDP("IPv4", "UDPLITE")},
	{"udplite6", 9, parseUDP("IPv6", "UDPLITE")},
}

// read reads a table and hands over the sockets whose inodes are wanted.
func (t table) read(r io.Reader, wanted func(inode uint64) bool, found func(inode uint64, s socket)) error {
	lines := bufio.NewScanner(r)
	var columns [][]byte
	for number := 1; lines.Scan(); number++ {
		if number == 1 {
			continue
		}
		columns = split(columns[:0], lines.Bytes())
		if len(columns) <= t.inode {
			return fmt.Errorf("line %d of table %s is cut short", number, t.file)
		}
		inode, err := strconv.ParseUint(string(columns[t.inode]), 10, 64)
		if err != nil {
			return fmt.Errorf("line %d of table %s: inode %.20q is no number", number, t.file, columns[t.inode])
		}
		if inode == 0 || !wanted(inode) {
			continue
		}
		s, err := t.parse(columns)
		if err != nil {
			return fmt.Errorf("line %d of table %s: %w", number, t.file, err)
		}
		found(inode, s)
	}
	return lines.Err()
}

// split appends a line's columns. They point into the line.
func split(columns [][]byte, line []byte) [][]byte {
	for {
		line = bytes.TrimLeft(line, " \t")
		if len(line) == 0 {
			return columns
		}
		end := bytes.IndexAny(line, " \t")
		if end < 0 {
			end = len(line)
		}
		columns, line = append(columns, line[:end]), line[end:]
	}
}

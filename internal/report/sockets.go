package report

import (
	"cmp"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// netstat's two header lines; the blanks at the end are its own.
const netstatHeader = "Active Internet connections (servers and established)\n" +
	"Proto Recv-Q Send-Q Local Address           Foreign Address         State      \n"

// Sockets writes rows of a socket table as `netstat -tuan` of net-tools 2.10
// prints them, in the order given, below the heading, if there is one.
//
// Of a listening socket netstat prints 0 in Send-Q, where the record has the
// length of the queue, and of a UDP socket that is not connected no state. An
// IPv6 endpoint of more than 22 characters is cut short as netstat does without
// --wide.
func Sockets(w io.Writer, heading string, rows []evidence.Socket) error {
	return write(w, heading, socketsText(rows))
}

func socketsText(rows []evidence.Socket) string {
	var b strings.Builder
	b.WriteString(netstatHeader)
	for _, row := range rows {
		b.WriteString(netstatLine(row) + "\n")
	}
	return b.String()
}

// ownedSockets are rows as `netstat -tuanp` prints them: with the processes that
// have the socket open, of which netstat names the first, if they are known.
func ownedSockets(sockets []evidence.Socket, files []evidence.File, known bool) string {
	var b strings.Builder
	_, header, _ := strings.Cut(netstatHeader, "\n")
	lines := []string{strings.TrimSuffix(header, "\n")}
	if known {
		lines[0] += " PID/Program name"
	}
	for _, s := range sockets {
		line := netstatLine(s)
		if known {
			line += " " + cmp.Or(strings.Join(ownersOf(s, files), ", "), "-")
		}
		lines = append(lines, line)
	}
	for _, line := range lines {
		fmt.Fprintln(&b, strings.TrimRight(line, " "))
	}
	return b.String()
}

func ownersOf(s evidence.Socket, files []evidence.File) (owners []string) {
	for _, f := range files {
		owner := fmt.Sprintf("%d/%s", f.PID, Printable(f.Command))
		if f.Inode != 0 && f.Inode == s.Inode && !slices.Contains(owners, owner) {
			owners = append(owners, owner)
		}
	}
	return owners
}

func netstatLine(row evidence.Socket) string {
	send, state := row.SendQueue, row.State
	if state == evidence.Listen {
		send = 0
	}
	if state == evidence.Closed && strings.HasPrefix(row.Protocol, "udp") {
		state = ""
	}
	return fmt.Sprintf("%-4s  %6d %6d %-23s %-23s %-11s", Printable(row.Protocol), row.RecvQueue, send,
		netstatEndpoint(row.Local, row.Protocol), netstatEndpoint(row.Remote, row.Protocol), Printable(state))
}

// netstatWidth is what netstat gives an endpoint.
const netstatWidth = 22

// netstatEndpoint writes an endpoint without brackets, with * for port 0.
// IPv4-mapped addresses are written as IPv4, and zones not at all.
func netstatEndpoint(e netip.AddrPort, protocol string) string {
	address, port := "0.0.0.0", "*"
	switch {
	case e.IsValid():
		address = e.Addr().Unmap().WithZone("").String()
	case strings.HasSuffix(protocol, "6"):
		address = "::"
	}
	if e.Port() != 0 {
		port = strconv.Itoa(int(e.Port()))
	}
	return address[:min(len(address), netstatWidth-len(port))] + ":" + port
}

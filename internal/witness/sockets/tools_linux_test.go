package sockets

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// readSS keeps the columns of ss -tanOe that a row has, as STATE RECV SEND LOCAL
// REMOTE UID INODE. An asterisk is ss's word for [::] of both families.
func readSS(output string) (rows []string) {
	for line := range strings.Lines(output) {
		f := strings.Fields(line)
		uid, inode := "uid:0", ""
		for _, extra := range f[5:] {
			if strings.HasPrefix(extra, "uid:") {
				uid = extra
			}
			if strings.HasPrefix(extra, "ino:") {
				inode = extra
			}
		}
		for i := 3; i < 5; i++ {
			if strings.HasPrefix(f[i], "*:") {
				f[i] = "[::]" + f[i][1:]
			}
		}
		rows = append(rows, strings.Join(append(f[:5:5], uid, inode), " "))
	}
	return rows
}

func printSS(s evidence.Socket) string {
	state := strings.ReplaceAll(strings.Replace(s.State, "ESTABLISHED", "ESTAB", 1), "_", "-")
	for with, without := range map[string]string{"WAIT1": "WAIT-1", "WAIT2": "WAIT-2"} {
		state = strings.Replace(state, with, without, 1)
	}
	device := ""
	if s.Interface != 0 {
		device = "%lo"
	}
	return fmt.Sprintf("%s %d %d %s %s uid:%d ino:%d", state, s.RecvQueue, s.SendQueue,
		ssEndpoint(s.Protocol, s.Local, device), ssEndpoint(s.Protocol, s.Remote, ""), s.UID, s.Inode)
}

func ssEndpoint(protocol string, e netip.AddrPort, device string) string {
	address := e.Addr().String()
	if protocol == "tcp6" {
		if e.Addr().Is4() {
			address = "::ffff:" + address
		}
		address = "[" + address + "]"
	}
	return address + device + ":" + port(e)
}

// readNetstat keeps all columns of netstat -tanWe but the user of a SYN_RECV
// row: the listener's, while sock_diag says 0.
func readNetstat(output string) (rows []string) {
	for line := range strings.Lines(output) {
		f := strings.Fields(line)
		if !strings.HasPrefix(line, "tcp") {
			continue
		}
		if f[5] == evidence.SynReceived {
			f[6] = "0"
		}
		rows = append(rows, strings.Join(f, " "))
	}
	return rows
}

func printNetstat(s evidence.Socket) string {
	if s.State == evidence.Listen {
		s.SendQueue = 0
	}
	return fmt.Sprintf("%s %d %d %s:%s %s:%s %s %d %d", s.Protocol, s.RecvQueue, s.SendQueue,
		s.Local.Addr(), port(s.Local), s.Remote.Addr(), port(s.Remote), s.State, s.UID, s.Inode)
}

func port(e netip.AddrPort) string {
	if e.Port() == 0 {
		return "*"
	}
	return fmt.Sprint(e.Port())
}

package evidence

import "net/netip"

// The states of a TCP socket, with netstat's names.
const (
	Established = "ESTABLISHED"
	SynSent     = "SYN_SENT"
	SynReceived = "SYN_RECV"
	FinWait1    = "FIN_WAIT1"
	FinWait2    = "FIN_WAIT2"
	TimeWait    = "TIME_WAIT"
	Closed      = "CLOSE"
	CloseWait   = "CLOSE_WAIT"
	LastAck     = "LAST_ACK"
	Listen      = "LISTEN"
	Closing     = "CLOSING"
)

// stateNames are the states by their numbers in net/tcp_states.h; 12 is a
// request socket, which netstat has no name of its own for.
var stateNames = [...]string{
	1: Established, 2: SynSent, 3: SynReceived, 4: FinWait1, 5: FinWait2, 6: TimeWait,
	7: Closed, 8: CloseWait, 9: LastAck, 10: Listen, 11: Closing, 12: SynReceived,
}

// StateName is the state that the kernel gives this number, in sock_diag(7)
// and in /proc/net/tcp; false for a number that is no state.
func StateName(number uint64) (string, bool) {
	if number == 0 || number >= uint64(len(stateNames)) {
		return "", false
	}
	return stateNames[number], true
}

// A Socket is one row of a host's TCP socket table, as sock_diag(7) gives it.
type Socket struct {
	Header
	// Snapshot numbers the dump that the row belongs to, from 1.
	Snapshot int `json:"snapshot"`
	// Protocol is tcp or tcp6, the socket's own family: an IPv4 connection of
	// an IPv6 socket is tcp6 although its endpoints are written as IPv4.
	Protocol string         `json:"protocol"`
	State    string         `json:"state"`
	Local    netip.AddrPort `json:"local"`
	Remote   netip.AddrPort `json:"remote"`
	// RecvQueue and SendQueue are bytes; of a listening socket, connections
	// that wait to be accepted, and the most that may wait.
	RecvQueue uint32 `json:"recvQueue"`
	SendQueue uint32 `json:"sendQueue"`
	UID       uint32 `json:"uid"`
	// Inode is the socket's inode, 0 once no process holds it.
	Inode uint64 `json:"inode"`
	// Interface is the index the socket is bound to, 0 for none.
	Interface uint32 `json:"interface,omitempty"`
}

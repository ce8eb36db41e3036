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

package evidence

import "net/netip"

// A File is one open file of the program, as /proc/PID/fd and /proc/PID/net
// (proc(5)) give it, with lsof's columns.
type File struct {
	Header
	// Snapshot numbers the walk that the row belongs to, from 1.
	Snapshot int    `json:"snapshot"`
	Command  string `json:"command"`
	PID      int    `json:"pid"`
	User     string `json:"user"`
	// FD is the descriptor with lsof's access letter: 7u, 0r, 1w.
	FD     string `json:"fd"`
	Type   string `json:"type"`
	Device string `json:"device"`
	// SizeOff is lsof's SIZE/OFF column.
	SizeOff string `json:"sizeOff"`
	Node    string `json:"node"`
	Name    string `json:"name"`
	// Inode is the socket's inode; 0 for a file that is no socket.
	Inode uint64 `json:"inode,omitempty"`
	// Local, Remote and State are set for TCP sockets, from the process's own
	// /proc/PID/net/tcp and tcp6.
	Local  netip.AddrPort `json:"local,omitzero"`
	Remote netip.AddrPort `json:"remote,omitzero"`
	State  string         `json:"state,omitempty"`
}

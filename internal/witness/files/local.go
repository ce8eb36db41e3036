package files

import (
	"bytes"
	"fmt"
	"strconv"
)

// listening is the flag of /proc/net/unix for a socket that accepts.
const listening = 1 << 16

// parseUnix reads a line of /proc/net/unix: Num RefCount Protocol Flags Type St
// Inode Path. Of the path, lsof prints what stands before a blank or a colon.
func parseUnix(columns [][]byte) (socket, error) {
	flags, errFlags := strconv.ParseUint(string(columns[3]), 16, 32)
	kind, errKind := strconv.ParseUint(string(columns[4]), 16, 32)
	state, errState := strconv.ParseUint(string(columns[5]), 16, 32)
	if errFlags != nil || errKind != nil || errState != nil {
		return socket{}, fmt.Errorf("unix socket %.60q is malformed", bytes.Join(columns, []byte(" ")))
	}
	path := ""
	if len(columns) > 7 {
		before, _, _ := bytes.Cut(columns[7], []byte(":"))
		path = string(before) + " "
	}
	word := unixState(state)
	if flags == listening {
		word = "LISTEN"
	}
	return socket{
		kind:   "unix",
		device: "0x" + string(bytes.TrimSuffix(columns[0], []byte(":"))),
		node:   string(columns[6]),
		name:   path + "type=" + socketType(kind) + " (" + word + ")",
	}, nil
}

// unixState names the states of enum socket_state in linux/net.h.
func unixState(state uint64) string {
	names := [...]string{1: "UNCONNECTED", "CONNECTING", "CONNECTED", "DISCONNECTING"}
	if state > 0 && state < uint64(len(names)) {
		return names[state]
	}
	return "UNKNOWN"
}

// socketType names the types of socket(2).
func socketType(number uint64) string {
	names := [...]string{1: "STREAM", 2: "DGRAM", 3: "RAW", 4: "RDM", 5: "SEQPACKET", 6: "DCCP", 10: "PACKET"}
	if number < uint64(len(names)) && names[number] != "" {
		return names[number]
	}
	return "unknown"
}

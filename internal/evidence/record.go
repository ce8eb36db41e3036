package evidence

import "time"

// A Witness names one kind of independent observer of a host.
type Witness string

// The witnesses of a host. Agent is the host agent's own account of the others.
const (
	Agent       Witness = "host"
	Packets     Witness = "packets"
	Sockets     Witness = "sockets"
	Files       Witness = "files"
	Program     Witness = "program"
	Conntracked Witness = "conntrack"
)

// Header is what every record carries.
type Header struct {
	Time    time.Time `json:"time"`
	Host    string    `json:"host"`
	Witness Witness   `json:"witness"`
}

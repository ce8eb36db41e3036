package conntrack

import (
	"fmt"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Open opens the connection tracking table of the calling thread's network
// namespace.
func Open() (*Table, error) {
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return nil, fmt.Errorf("open conntrack table: %w", err)
	}
	return &Table{conn: c, patience: 10 * time.Second}, nil
}

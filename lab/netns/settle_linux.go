package netns

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// settleLimit is far more than the kernel needs for 1,000 links.
const settleLimit = 30 * time.Second

// operUp is IF_OPER_UP (RFC 2863's ifOperStatus).
const operUp = 6

// do waits until every interface that is up is operational. A wire's near end
// is up before its far end is; the kernel starts to send there only when it
// has noticed the far end, in a work queue. Until then it drops what is sent,
// and a TCP handshake would lose a second.
func (settleStep) do(w *worker, t task) error {
	ctx, cancel := context.WithTimeoutCause(w.ctx, settleLimit, errors.New("they did not come up"))
	defer cancel()
	for {
		waiting, err := w.notOperational(t)
		if err != nil || len(waiting) == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", strings.Join(waiting, ", "), context.Cause(ctx))
		case <-time.After(time.Millisecond):
		}
	}
}

// notOperational returns the names of the host's interfaces that are up and
// do not work yet.
func (w *worker) notOperational(t task) ([]string, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETLINK, unix.NLM_F_DUMP)
	req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	links, err := w.ask(t, req, unix.RTM_NEWLINK)
	if err != nil {
		return nil, err
	}
	var waiting []string
	for _, link := range links {
		head := nl.DeserializeIfInfomsg(link)
		if head.Flags&unix.IFF_UP == 0 || head.Flags&unix.IFF_LOOPBACK != 0 {
			continue
		}
		name, state, err := operState(link[head.Len():])
		if err != nil {
			return nil, err
		}
		if state != operUp {
			waiting = append(waiting, name)
		}
	}
	return waiting, nil
}

// operState reads an interface's name and operational state.
func operState(attributes []byte) (name string, state uint8, err error) {
	list, err := nl.ParseRouteAttr(attributes)
	if err != nil {
		return "", 0, fmt.Errorf("read link: %w", err)
	}
	for _, a := range list {
		switch a.Attr.Type {
		case unix.IFLA_IFNAME:
			name = nl.BytesToString(a.Value)
		case unix.IFLA_OPERSTATE:
			if len(a.Value) > 0 {
				state = a.Value[0]
			}
		}
	}
	return name, state, nil
}

package netns

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// settleLimit is far more than the kernel needs for 1,000 links.
const settleLimit = 30 * time.Second

// operUp is IF_OPER_UP (RFC 2863's ifOperStatus).
const operUp = 6

// skipStatistics is RTEXT_FILTER_SKIP_STATS: they are most of an answer.
const skipStatistics = 1 << 3

// do waits until the ends are operational. They were up before the other ends
// of their wires; the kernel starts to send there only when it has noticed the
// other end, in a work queue, or, from Linux 6.8 on, when it is asked about the
// link. Until then it drops what is sent, and a TCP handshake would lose a
// second. The other ends need no wait: they came up when theirs was there.
func (s settleStep) do(w *worker, t task) error {
	ctx, cancel := context.WithTimeoutCause(w.ctx, settleLimit, errors.New("it does not come up"))
	defer cancel()
	for _, i := range s.interfaces {
		if err := w.settled(ctx, t, i); err != nil {
			return fmt.Errorf("%s: %w", i.name, err)
		}
	}
	return nil
}

// settled waits for one interface.
func (w *worker) settled(ctx context.Context, t task, i iface) error {
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		state, err := w.operState(t, i)
		if err != nil || state == operUp {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

// operState asks for an interface's operational state.
func (w *worker) operState(t task, i iface) (uint8, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETLINK, 0)
	head := nl.NewIfInfomsg(unix.AF_UNSPEC)
	head.Index = int32(i.index)
	req.AddData(head)
	req.AddData(nl.NewRtAttr(unix.IFLA_EXT_MASK, nl.Uint32Attr(skipStatistics)))
	links, err := w.ask(t, req, unix.RTM_NEWLINK)
	if err != nil {
		return 0, err
	}
	for _, link := range links {
		attributes, err := nl.ParseRouteAttr(link[head.Len():])
		if err != nil {
			return 0, fmt.Errorf("read link: %w", err)
		}
		for _, a := range attributes {
			if a.Attr.Type == unix.IFLA_OPERSTATE && len(a.Value) > 0 {
				return a.Value[0], nil
			}
		}
	}
	return 0, errors.New("the kernel does not say its state")
}

package conntrack

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"github.com/mdlayher/netlink/nltest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

var header = evidence.Header{Time: time.Unix(1, 2).UTC(), Host: "router"}

// fake is a table of a kernel that answers the n-th request, from 0, with what
// answer gives.
func fake(t *testing.T, answer func(n int) ([]netlink.Message, error)) (table *Table, requests *int) {
	t.Helper()
	requests = new(int)
	conn := nltest.Dial(func(request []netlink.Message) ([]netlink.Message, error) {
		require.Len(t, request, 1)
		require.Equal(t, netlink.HeaderType(0x101), request[0].Header.Type)
		require.Equal(t, netlink.Request|netlink.Dump, request[0].Header.Flags)
		messages, err := answer(*requests)
		done := netlink.Message{Header: request[0].Header, Data: make([]byte, 4)}
		*requests++
		for i := range messages {
			messages[i].Header.Sequence, messages[i].Header.PID = request[0].Header.Sequence, request[0].Header.PID
		}
		if err != nil {
			return nil, err
		}
		return nltest.Multipart(append(messages, done))
	})
	return &Table{conn: conn}, requests
}

func message(flags netlink.HeaderFlags, body []byte) netlink.Message {
	return netlink.Message{Header: netlink.Header{Type: 0x100, Flags: flags}, Data: body}
}

var (
	translated = encode(protocolTCP, asked, answered)
	plain      = encode(protocolTCP, asked, asked.Reverse())
	row        = evidence.Translation{
		Header:   evidence.Header{Time: header.Time, Host: "router", Witness: evidence.Conntracked},
		Snapshot: 3, Original: asked, Translated: answered.Reverse(),
	}
)

func TestDumpOfFakes(t *testing.T) {
	for name, c := range map[string]struct {
		answer   func(n int) ([]netlink.Message, error)
		rows     []evidence.Translation
		requests int
		err      string
	}{
		"several": {
			answer: func(int) ([]netlink.Message, error) {
				return []netlink.Message{message(0, plain), message(0, translated), message(0, encode(17, asked, answered))}, nil
			},
			rows: []evidence.Translation{row}, requests: 1,
		},
		"twice": {
			answer: func(int) ([]netlink.Message, error) {
				return []netlink.Message{message(0, translated), message(0, plain), message(0, translated)}, nil
			},
			rows: []evidence.Translation{row}, requests: 1,
		},
		"interrupted once": {
			answer: func(n int) ([]netlink.Message, error) {
				if n == 0 {
					return []netlink.Message{message(netlink.DumpInterrupted, plain)}, nil
				}
				return []netlink.Message{message(0, translated)}, nil
			},
			rows: []evidence.Translation{row}, requests: 2,
		},
		"interrupted always": {
			answer: func(int) ([]netlink.Message, error) {
				return []netlink.Message{message(netlink.DumpInterrupted, plain), message(0, translated)}, nil
			},
			rows: []evidence.Translation{row}, requests: Attempts, err: "dump conntrack table: interrupted, some connections may be missing",
		},
		"cut short": {
			answer: func(int) ([]netlink.Message, error) {
				return []netlink.Message{message(0, translated), message(0, translated[:2])}, nil
			},
			requests: 1, err: "dump conntrack table: entry of 2 bytes is cut short",
		},
		"broken": {
			answer:   func(int) ([]netlink.Message, error) { return nil, errAny },
			requests: 1, err: "dump conntrack table: netlink receive: out of order",
		},
	} {
		t.Run(name, func(t *testing.T) {
			table, requests := fake(t, c.answer)
			rows, err := table.Dump(header, 3)
			if c.err == "" {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, c.err)
			}
			assert.Equal(t, c.requests == Attempts, errors.Is(err, ErrInterrupted))
			assert.Equal(t, c.rows, rows)
			assert.Equal(t, c.requests, *requests)
		})
	}
}

var errAny = errors.New("out of order")

func TestClosedTable(t *testing.T) {
	table, requests := fake(t, func(int) ([]netlink.Message, error) { return nil, errAny })
	require.NoError(t, table.Close())
	require.NoError(t, table.Close())
	_, err := table.Dump(header, 1)
	require.ErrorIs(t, err, os.ErrClosed)
	assert.EqualError(t, err, "dump conntrack table: file already closed")
	assert.Zero(t, *requests)
}

package sockets

import (
	"encoding/binary"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// Each case is what the kernel answers to the request for IPv4 sockets, try by
// try; IPv6 has none.
func TestDumpOfAwkwardKernels(t *testing.T) {
	interrupted := func(_ int, s uint32) []delivery {
		return []delivery{deliver(rowMessage(s, flagDumpInterrupted, 1)), deliver(doneMessage(s))}
	}
	for name, c := range map[string]struct {
		answer  func(try int, s uint32) []delivery
		ports   []uint16
		err     string
		is      error
		request int
	}{
		"all in one": {
			answer: func(_ int, s uint32) []delivery {
				return []delivery{deliver(rowMessage(s, 0, 1), rowMessage(s, 0, 2), doneMessage(s))}
			},
			ports: []uint16{1, 2}, request: 2,
		},
		"split": {
			answer: func(_ int, s uint32) []delivery {
				return []delivery{deliver(rowMessage(s, 0, 1)), deliver(), deliver(rowMessage(s, 0, 2)), deliver(doneMessage(s))}
			},
			ports: []uint16{1, 2}, request: 2,
		},
		"done without a body, and a no-op": {
			answer: func(_ int, s uint32) []delivery {
				return []delivery{deliver(encode(kindNoop, 0, s, nil), rowMessage(s, 0, 1), encode(kindDone, 2, s, nil))}
			},
			ports: []uint16{1}, request: 2,
		},
		"a dump given up before": {
			answer: func(_ int, s uint32) []delivery {
				old := s - 1
				return []delivery{deliver(rowMessage(old, 0, 9), doneMessage(old), rowMessage(s, 0, 1)), deliver(doneMessage(s))}
			},
			ports: []uint16{1}, request: 2,
		},
		"interrupted once": {
			answer: func(try int, s uint32) []delivery {
				if try == 0 {
					return interrupted(try, s)
				}
				return []delivery{deliver(rowMessage(s, 0, 1), rowMessage(s, 0, 2), doneMessage(s))}
			},
			ports: []uint16{1, 2}, request: 3,
		},
		"interrupted at the end": {
			answer: func(try int, s uint32) []delivery {
				if try == 0 {
					return []delivery{deliver(encode(kindDone, flagDumpInterrupted, s, errnoBody(0)))}
				}
				return []delivery{deliver(rowMessage(s, 0, 1), doneMessage(s))}
			},
			ports: []uint16{1}, request: 3,
		},
		"interrupted always": {
			answer: interrupted,
			ports:  []uint16{1}, request: Attempts + 1, is: ErrInterrupted,
			err: "dump socket table: interrupted, some sockets may be missing",
		},
		"overrun once": {
			answer: func(try int, s uint32) []delivery {
				if try == 0 {
					return []delivery{{err: errLost}, deliver(rowMessage(s, 0, 2), doneMessage(s))}
				}
				return []delivery{deliver(rowMessage(s, 0, 1), rowMessage(s, 0, 2), doneMessage(s))}
			},
			ports: []uint16{1, 2}, request: 3,
		},
		"overrun message always": {
			answer: func(_ int, s uint32) []delivery {
				return []delivery{deliver(encode(kindOverrun, 0, s, nil), rowMessage(s, 0, 2), doneMessage(s))}
			},
			ports: []uint16{2}, request: Attempts + 1, is: ErrInterrupted,
			err: "dump socket table: interrupted, some sockets may be missing",
		},
		"refused": {
			answer: func(_ int, s uint32) []delivery {
				return []delivery{deliver(encode(kindError, 0, s, errnoBody(int32(syscall.EPERM))))}
			},
			request: 1, is: syscall.EPERM, err: "dump socket table: operation not permitted",
		},
		"done with an error": {
			answer: func(_ int, s uint32) []delivery {
				return []delivery{deliver(rowMessage(s, 0, 1)), deliver(encode(kindDone, 2, s, errnoBody(int32(syscall.ENOENT))))}
			},
			request: 1, is: syscall.ENOENT, err: "dump socket table: no such file or directory",
		},
		"error without a number": {
			answer: func(_ int, s uint32) []delivery {
				return []delivery{deliver(encode(kindError, 0, s, nil))}
			},
			request: 1, is: errCutShort, err: "dump socket table: netlink message is cut short",
		},
		"cut short, and read to the end all the same": {
			answer: func(_ int, s uint32) []delivery {
				return []delivery{{datagram: rowMessage(s, 0, 1)[:60]}, deliver(rowMessage(s, 0, 2)), deliver(doneMessage(s))}
			},
			request: 1, is: errCutShort, err: "dump socket table: netlink message is cut short",
		},
		"row too short": {
			answer: func(_ int, s uint32) []delivery {
				return []delivery{deliver(encode(kindSockDiag, 0, s, listening(1)[:40]), doneMessage(s))}
			},
			request: 1, is: errCutShort, err: "dump socket table: socket of 40 bytes: netlink message is cut short",
		},
		"unknown state": {
			answer: func(_ int, s uint32) []delivery {
				row := listening(1)
				row[1] = 13
				return []delivery{deliver(encode(kindSockDiag, 0, s, row), doneMessage(s))}
			},
			request: 1, err: "dump socket table: tcp state 13 is unknown",
		},
		"unknown family": {
			answer: func(_ int, s uint32) []delivery {
				row := listening(1)
				row[0] = 1
				return []delivery{deliver(encode(kindSockDiag, 0, s, row), doneMessage(s))}
			},
			request: 1, err: "dump socket table: socket family 1 is neither IPv4 nor IPv6",
		},
		"silent": {
			answer:  func(_ int, s uint32) []delivery { return []delivery{deliver(rowMessage(s, 0, 1))} },
			request: 1, is: errSilence, err: "dump socket table: no answer from the kernel",
		},
	} {
		t.Run(name, func(t *testing.T) {
			fake := &fakeWire{script: c.answer}
			table := &Table{wire: fake}

			rows, err := table.Dump(evidence.Header{Host: "server", Time: time.Unix(1, 0)}, 1)
			if c.err == "" {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, c.err)
			}
			if c.is != nil {
				require.ErrorIs(t, err, c.is)
			}
			var ports []uint16
			for _, row := range rows {
				ports = append(ports, row.Local.Port())
				assert.Equal(t, "server", row.Host)
			}
			assert.Equal(t, c.ports, ports)
			assert.Equal(t, c.request, fake.requests)
			assert.Empty(t, fake.pending, "nothing is left to disturb the next dump")
			require.NoError(t, table.Close())
			assert.True(t, fake.closed)
		})
	}
}

func TestRequestIsTheKernelsStructure(t *testing.T) {
	r := request(familyIPv6, 0, 7)
	assert.Len(t, r, 72)
	assert.Equal(t, uint32(72), binary.NativeEndian.Uint32(r))
	assert.Equal(t, []byte{familyIPv6, protocolTCP, 0, 0}, r[16:20])
	assert.Equal(t, uint32(0x1ffe), binary.NativeEndian.Uint32(r[20:]), "states 1 to 12")

	filtered := request(familyIPv4, 12000, 7)
	assert.Len(t, filtered, 96)
	assert.Equal(t, uint32(96), binary.NativeEndian.Uint32(filtered))
}

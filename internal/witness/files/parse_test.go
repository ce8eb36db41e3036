package files

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

func TestParseStat(t *testing.T) {
	for line, want := range map[string]process{
		"12 (server) S 1 12 12 0 -1":    {"server", 1, 'S'},
		"12 (a) b (c)) Z 7 12 12 0 -1":  {"a) b (c)", 7, 'Z'},
		"12 () R 0 0":                   {"", 0, 'R'},
		"12 (new\nline) D 3 12 12 0 -1": {"new\nline", 3, 'D'},
	} {
		p, err := parseStat([]byte(line))
		require.NoError(t, err)
		assert.Equal(t, want, p)
		assert.Equal(t, want.state == 'Z', p.ended())
	}
	for line, want := range map[string]string{
		"12 server S 1":    `process status "12 server S 1" has no command`,
		") 12 (":           `process status ") 12 (" has no command`,
		"12 (server) S":    `process status "12 (server) S" is cut short`,
		"12 (server) SS 1": `process status "12 (server) SS 1" is cut short`,
		"12 (server) S -1": `process status "12 (server) S -1" has no parent`,
	} {
		_, err := parseStat([]byte(line))
		assert.EqualError(t, err, want)
	}
}

func TestParseOwner(t *testing.T) {
	o, err := parseOwner("Name:\tserver\nUid:\t65534\t65534\t65534\t0\nGid:\t7\t7\t7\t7\n")
	require.NoError(t, err)
	assert.Equal(t, owner{65534, 7}, o)
	for status, want := range map[string]string{
		"Uid:\t0\t65534\t0\t0\nGid:\t7\t7\t7\t7\n": `process runs as several users: "Uid:\t0\t65534\t0\t0\n"`,
		"Uid:\t0\t0\t0\n":                          `line "Uid:\t0\t0\t0\n" does not have four IDs`,
		"Uid:\t0\t0\t0\t0\n":                       `process status has no line Gid:`,
		"":                                         `process status has no line Uid:`,
	} {
		_, err := parseOwner(status)
		assert.EqualError(t, err, want)
	}
}

func TestUsers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "passwd")
	require.NoError(t, os.WriteFile(path, []byte("root:x:0:0:root:/root:/bin/sh\n#x:x:1:1:::\ntoor:x:0:0:::\nshort:x:2\nbad:x:y:1:::\nnobody:x:65534:65534:::\n"), 0o600))
	u := readUsers(path)
	assert.Equal(t, users{0: "root", 65534: "nobody"}, u)
	assert.Equal(t, "root", u.name(0))
	assert.Equal(t, "1", u.name(1))
	assert.Equal(t, "0", readUsers(path+".missing").name(0), "a container may have no passwd")
}

func TestParseLocks(t *testing.T) {
	l := parseLocks(`1: FLOCK  ADVISORY  WRITE 7 fe:10:42 0 EOF
2: POSIX  ADVISORY  READ 8 fe:10:42 0 9
2: -> POSIX  ADVISORY  WRITE 9 fe:10:42 0 9
3: LEASE  ACTIVE    NONE 10 fe:10:42 0 EOF
4: POSIX  ADVISORY  READ 11 <none>:0 0 EOF
5: POSIX  ADVISORY  WRITE 12 fe:10:42 5 EOF
6: POSIX  ADVISORY  READ 12 fe:10:42 0 EOF
`)
	assert.Equal(t, locks{
		{7, 0xfe, 0x10, 42}:  "W",
		{8, 0xfe, 0x10, 42}:  "r",
		{12, 0xfe, 0x10, 42}: "R",
	}, l)
}

func TestFDInfo(t *testing.T) {
	i := parseFDInfo("pos:\t5\nflags:\t02\nmnt_id:\t15\neventfd-count: 3\neventfd-id: 12\n")
	assert.Equal(t, fdinfo{offset: 5, eventfd: 12, pid: -1}, i)
	assert.Equal(t, "[eventfd:12]", i.annotate("[eventfd]"))
	assert.Equal(t, "[timerfd]", i.annotate("[timerfd]"))

	i = parseFDInfo("pos:\t0\ntfd:       11 events:       19 data: b\ntfd:        4 events: 19\ntfd:\n")
	assert.Equal(t, []int{11, 4}, i.targets)
	assert.Equal(t, "[eventpoll:4,11]", i.annotate("[eventpoll]"))
	assert.Equal(t, "[eventpoll]", fdinfo{}.annotate("[eventpoll]"))
	assert.Equal(t, "[pidfd:7]", parseFDInfo("Pid:\t7\n").annotate("[pidfd]"))
	assert.Equal(t, int64(-1), parseFDInfo("flags:\t02\n").offset)
}

func TestDescribe(t *testing.T) {
	on, is := device{254, 1}, device{1, 3}
	for name, c := range map[string]struct {
		node node
		want evidence.File
	}{
		"file":          {node{"/a", typeReg | 0o644, 7, 42, on, is, fdinfo{offset: 5}}, evidence.File{Type: "REG", Device: "254,1", SizeOff: "7", Node: "42", Name: "/a"}},
		"device":        {node{"/dev/null", typeChar, 7, 42, on, is, fdinfo{offset: 5}}, evidence.File{Type: "CHR", Device: "1,3", SizeOff: "0t5", Node: "42", Name: "/dev/null"}},
		"disk":          {node{"/dev/vda", typeBlock, 7, 42, on, is, fdinfo{offset: 123456789}}, evidence.File{Type: "BLK", Device: "1,3", SizeOff: "0x75bcd15", Node: "42", Name: "/dev/vda"}},
		"no offset":     {node{"pipe:[42]", typeFIFO, 0, 42, on, is, fdinfo{offset: -1}}, evidence.File{Type: "FIFO", Device: "254,1", Node: "42", Name: "pipe"}},
		"anonymous":     {node{"anon_inode:inotify", 0, 0, 42, on, is, fdinfo{}}, evidence.File{Type: "a_inode", Device: "254,1", SizeOff: "0", Node: "42", Name: "inotify"}},
		"link":          {node{"/l", typeLink, 3, 42, on, is, fdinfo{}}, evidence.File{Type: "LINK", Device: "254,1", SizeOff: "3", Node: "42", Name: "/l"}},
		"of no type":    {node{"thing:[42]", 0, 0, 42, on, is, fdinfo{}}, evidence.File{Type: "0000", Device: "254,1", SizeOff: "0", Node: "42", Name: "thing"}},
		"name to quote": {node{"/a\nb", typeDir, 0, 42, on, is, fdinfo{}}, evidence.File{Type: "DIR", Device: "254,1", SizeOff: "0", Node: "42", Name: `/a\nb`}},
	} {
		t.Run(name, func(t *testing.T) {
			var f evidence.File
			c.node.describe(&f)
			assert.Equal(t, c.want, f)
		})
	}
	assert.Equal(t, "0t12345678", offset(12345678))
	assert.Equal(t, "0x75bcd15", offset(123456789))
}

func TestPrintable(t *testing.T) {
	for name, want := range map[string]string{
		"plain name":          "plain name",
		"한국어":                 "한국어",
		"tab\tbell\a\b\f\n\r": `tab\tbell^G\b\f\n\r`,
		"back\\slash":         `back\\slash`,
		"\xff\x7f\xc3":        `\xff\x7f\xc3`,
		"\u200b":              `\xe2\x80\x8b`,
	} {
		assert.Equal(t, want, printable(name))
	}
	for command, want := range map[string]string{
		"server":          "server",
		"integration.tes": "integrati",
		"my prog":         `my\x20pro`,
		"eight888 ":       "eight888",
		"한":               `\xed\x95`,
	} {
		assert.Equal(t, want, printableCommand(command))
	}
}

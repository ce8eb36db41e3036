package files

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// The file types of stat(2)'s st_mode (inode(7)).
const (
	typeMask  = 0o170000
	typeFIFO  = 0o010000
	typeChar  = 0o020000
	typeDir   = 0o040000
	typeBlock = 0o060000
	typeReg   = 0o100000
	typeLink  = 0o120000
)

// A device is a device's number in its two parts.
type device struct{ major, minor uint32 }

func (d device) String() string { return fmt.Sprintf("%d,%d", d.major, d.minor) }

// A node is an open file that is no socket: what stat(2) and readlink(2) say of
// one entry of /proc/PID/fd, or of /proc/PID/cwd, root or exe.
type node struct {
	link  string
	mode  uint32
	size  int64
	inode uint64
	// dev is the device the file is on, rdev the device that it is.
	dev, rdev device
	info      fdinfo
}

// anonymous tells whether the file is an anonymous inode: an epoll instance, an
// eventfd and their like, which stat(2) gives no type.
func (n node) anonymous() bool {
	return n.mode&typeMask == 0 && strings.HasPrefix(n.link, "anon_inode:")
}

// describe fills in the columns TYPE to NAME, after process_proc_node in lsof's
// dnode.c.
func (n node) describe(f *evidence.File) {
	f.Type, f.Device = n.kind(), n.dev.String()
	f.SizeOff = strconv.FormatInt(n.size, 10)
	switch n.mode & typeMask {
	case typeChar, typeBlock:
		f.Device = n.rdev.String()
		f.SizeOff = offset(n.info.offset)
	case typeFIFO:
		f.SizeOff = offset(n.info.offset)
	}
	f.Node = strconv.FormatUint(n.inode, 10)
	f.Name = printable(n.name())
}

func (n node) kind() string {
	if n.anonymous() {
		return "a_inode"
	}
	switch n.mode & typeMask {
	case typeFIFO:
		return "FIFO"
	case typeChar:
		return "CHR"
	case typeDir:
		return "DIR"
	case typeBlock:
		return "BLK"
	case typeReg:
		return "REG"
	case typeLink:
		return "LINK"
	}
	return fmt.Sprintf("%04o", n.mode&typeMask>>12)
}

// name is the path, or what the link says before its colon: pipe for
// pipe:[4711]. Of an anonymous inode it is what follows: [eventpoll].
func (n node) name() string {
	if strings.HasPrefix(n.link, "/") {
		return n.link
	}
	before, after, _ := strings.Cut(n.link, ":")
	if n.anonymous() && after != "" {
		return n.info.annotate(after)
	}
	return before
}

// offset writes a position in a file as lsof does, nothing for none.
func offset(at int64) string {
	const digits = 8
	if at < 0 {
		return ""
	}
	text := strconv.FormatInt(at, 10)
	if len(text) > digits {
		return "0x" + strconv.FormatInt(at, 16)
	}
	return "0t" + text
}

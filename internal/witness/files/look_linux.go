package files

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// look looks at a process with the calling thread's rights.
func (w *walker) look(pid int) ([]evidence.File, error) {
	d, err := openProcess(pid)
	if err != nil {
		return nil, goneOr(err)
	}
	defer d.close()
	row, err := w.blank(d, pid)
	if err != nil {
		return nil, goneOr(err)
	}
	v := visit{walker: w, process: d, blank: row, sockets: map[uint64][]int{}}
	for _, special := range [...][2]string{{"cwd", "cwd"}, {"root", "rtd"}, {"exe", "txt"}} {
		if err := v.special(special[0], special[1]); err != nil {
			return nil, err
		}
	}
	if err := v.descriptors(); err != nil {
		return nil, goneOr(err)
	}
	return v.rows, v.resolve()
}

// blank is a row with the columns that all rows of a process share.
func (w *walker) blank(d directory, pid int) (evidence.File, error) {
	content, err := d.read("stat")
	if err != nil {
		return evidence.File{}, err
	}
	p, err := parseStat([]byte(content))
	if err != nil {
		return evidence.File{}, err
	}
	if p.ended() {
		return evidence.File{}, ErrGone
	}
	// The directory belongs to the process's effective user, or to root where
	// the process is not dumpable.
	s, err := d.stat(".")
	return evidence.File{
		Header: w.header, Snapshot: w.snapshot,
		Command: printableCommand(p.command), PID: pid, User: w.users.name(s.Uid),
	}, err
}

// A visit gathers the rows of one process.
type visit struct {
	*walker
	process directory
	blank   evidence.File
	rows    []evidence.File
	// sockets are the rows that still miss what the socket with an inode is.
	sockets map[uint64][]int
}

// special adds the row of cwd, root or exe.
func (v *visit) special(link, name string) error {
	n, err := v.node(v.process, link)
	if errors.Is(goneOr(err), ErrGone) {
		return nil
	}
	if err == nil {
		v.add(name, n)
	}
	return err
}

// descriptors adds the rows of /proc/PID/fd.
func (v *visit) descriptors() error {
	fds, err := v.process.open("fd")
	if err != nil {
		return err
	}
	defer fds.close()
	infos, err := v.process.open("fdinfo")
	if err != nil {
		return err
	}
	defer infos.close()
	names, err := fds.names()
	if err != nil {
		return err
	}
	v.rows = slices.Grow(v.rows, len(names))
	for _, name := range names {
		err := v.descriptor(fds, infos, name)
		// A descriptor may be closed between two looks at it.
		if err != nil && !errors.Is(goneOr(err), ErrGone) {
			return err
		}
	}
	return nil
}

func (v *visit) descriptor(fds, infos directory, name string) error {
	link, err := fds.readlink(name)
	if err != nil {
		return err
	}
	if inode, ok := socketInode(link); ok {
		v.addSocket(name, inode)
		return nil
	}
	n, err := v.node(fds, name)
	if err != nil {
		return err
	}
	info, err := infos.read(name)
	if err != nil {
		return err
	}
	n.info = parseFDInfo(info)
	s, err := fds.lstat(name)
	if err != nil {
		return err
	}
	v.add(name+access(s.Mode), n)
	return nil
}

// node looks at what a link leads to.
func (v *visit) node(d directory, name string) (node, error) {
	link, err := d.readlink(name)
	if err != nil {
		return node{}, err
	}
	s, err := d.stat(name)
	return node{
		link: link, mode: s.Mode, size: s.Size, inode: s.Ino,
		dev:  deviceOf(uint64(s.Dev)),
		rdev: deviceOf(uint64(s.Rdev)),
	}, err
}

func deviceOf(number uint64) device { return device{unix.Major(number), unix.Minor(number)} }

// add adds the row of a file that is no socket.
func (v *visit) add(fd string, n node) {
	row := v.blank
	n.describe(&row)
	if letter, ok := v.locks[locked{row.PID, n.dev.major, n.dev.minor, n.inode}]; ok {
		if strings.HasSuffix(fd, "r") || strings.HasSuffix(fd, "w") || strings.HasSuffix(fd, "u") {
			fd += letter
		} else {
			fd += "-" + letter
		}
	}
	row.FD = fd
	v.rows = append(v.rows, row)
}

// addSocket adds a socket's row; resolve fills it in. A socket is always open
// for reading and writing.
func (v *visit) addSocket(name string, inode uint64) {
	row := v.blank
	row.FD, row.Inode = name+"u", inode
	v.sockets[inode] = append(v.sockets[inode], len(v.rows))
	v.rows = append(v.rows, row)
}

// socketInode reads socket:[106532].
func socketInode(link string) (uint64, bool) {
	text, ok := strings.CutPrefix(link, "socket:[")
	if !ok {
		return 0, false
	}
	inode, err := strconv.ParseUint(strings.TrimSuffix(text, "]"), 10, 64)
	return inode, err == nil
}

// access is lsof's letter for what a descriptor is open for, from the mode of
// its link.
func access(mode uint32) string {
	switch mode & (unix.S_IRUSR | unix.S_IWUSR) {
	case unix.S_IRUSR:
		return "r"
	case unix.S_IWUSR:
		return "w"
	}
	return "u"
}

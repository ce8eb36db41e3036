package witness

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// OpenFiles returns the open files of a process and its descendants, sorted by
// process and descriptor, without Header and Snapshot; ErrGone if the process
// has ended. Descendants that end meanwhile are passed over. With another error
// it has the files of those processes that could be looked at.
func OpenFiles(pid int) ([]evidence.File, error) {
	files, err := openFiles(pid)
	if errors.Is(err, ErrGone) {
		return nil, fmt.Errorf("open files of process %d: %w", pid, err)
	}
	all, errs := files, []error{err}
	for _, child := range descendants(pid) {
		files, err := openFiles(child)
		all = append(all, files...)
		if !errors.Is(err, ErrGone) {
			errs = append(errs, err)
		}
	}
	slices.SortFunc(all, func(a, b evidence.File) int {
		if a.PID != b.PID {
			return a.PID - b.PID
		}
		return a.FD - b.FD
	})
	names := make(map[string]string)
	for i := range all {
		all[i].User = userName(names, all[i].User)
	}
	if err := errors.Join(errs...); err != nil {
		return all, fmt.Errorf("open files of process %d: %w", pid, err)
	}
	return all, nil
}

// userName is the name of a user ID, or the ID where there is none.
func userName(known map[string]string, uid string) string {
	if _, ok := known[uid]; !ok {
		known[uid] = uid
		if u, err := user.LookupId(uid); err == nil {
			known[uid] = u.Username
		}
	}
	return known[uid]
}

// openFiles looks at one process, as its owner where it must. Its rows have the
// user's ID as User.
func openFiles(pid int) (files []evidence.File, err error) {
	directory := fmt.Sprintf("/proc/%d", pid)
	var s unix.Stat_t
	if err := unix.Stat(directory, &s); err != nil {
		return nil, goneOr(&fs.PathError{Op: "stat", Path: directory, Err: err})
	}
	status, err := readStatus(pid)
	if err != nil {
		return nil, err
	}
	process := evidence.File{PID: pid, Command: status.command, User: strconv.Itoa(int(s.Uid))}
	files, err = walk(directory, process)
	if errors.Is(err, fs.ErrPermission) {
		var refused error
		plain := err
		refused = asOwner(int(s.Uid), int(s.Gid), func() { files, err = walk(directory, process) })
		if refused != nil {
			err = fmt.Errorf("%w; %w", plain, refused)
		}
	}
	return files, err
}

// goneOr is ErrGone for the errors that procfs gives of what is gone.
func goneOr(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return ErrGone
	}
	return err
}

// walk makes the rows of one process with the calling thread's rights. A
// descriptor that is closed meanwhile has no row.
func walk(directory string, process evidence.File) ([]evidence.File, error) {
	names, err := readNumbers(directory + "/fd")
	if err != nil {
		return nil, goneOr(err)
	}
	files := make([]evidence.File, 0, len(names))
	unresolved := make(sockets)
	for _, fd := range names {
		f := process
		f.FD = fd
		protocol, err := describe(&f, fmt.Sprintf("%s/fd/%d", directory, fd))
		if errors.Is(goneOr(err), ErrGone) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if protocol != "" {
			unresolved.add(protocol, f.Inode, len(files))
		}
		files = append(files, f)
	}
	return files, unresolved.resolve(directory+"/net", files)
}

// describe fills in what a descriptor's link tells: access, target and type. Of
// a TCP or UDP socket it returns the table that it is to be looked up in.
func describe(f *evidence.File, path string) (protocol string, err error) {
	if f.Target, err = os.Readlink(path); err != nil {
		return "", err
	}
	link, err := os.Lstat(path)
	if err != nil {
		return "", err
	}
	switch link.Mode() & 0o600 {
	case 0o400:
		f.Access = "r"
	case 0o200:
		f.Access = "w"
	case 0o600:
		f.Access = "u"
	}
	if inode, ok := strings.CutPrefix(f.Target, "socket:["); ok {
		f.Inode, err = strconv.ParseUint(strings.TrimSuffix(inode, "]"), 10, 64)
		f.Type, protocol = socketType(path)
		return protocol, err
	}
	if strings.HasPrefix(f.Target, "anon_inode:") {
		f.Type = "a_inode"
		return "", nil
	}
	file, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	f.Type = fileType(file)
	return "", nil
}

// fileType is lsof's word for a file's type.
func fileType(file fs.FileInfo) string {
	s, ok := file.Sys().(*syscall.Stat_t)
	if !ok {
		return "unknown"
	}
	switch s.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return "REG"
	case unix.S_IFDIR:
		return "DIR"
	case unix.S_IFCHR:
		return "CHR"
	case unix.S_IFBLK:
		return "BLK"
	case unix.S_IFIFO:
		return "FIFO"
	}
	return fmt.Sprintf("%04o", s.Mode&unix.S_IFMT>>12)
}

// socketType is a socket's type before it is looked up: unix for a local one,
// and sock, which stays for all others that are in no table. The table of TCP
// and UDP sockets is named by what the kernel calls their protocol.
func socketType(path string) (kind, table string) {
	var name [32]byte
	n, err := unix.Getxattr(path, "system.sockprotoname", name[:])
	if err != nil {
		n = 0
	}
	switch string(bytes.TrimRight(name[:n], "\x00")) {
	case "UNIX", "UNIX-STREAM":
		return "unix", ""
	case "TCP":
		return "sock", "tcp"
	case "TCPv6":
		return "sock", "tcp6"
	case "UDP":
		return "sock", "udp"
	case "UDPv6":
		return "sock", "udp6"
	}
	return "sock", ""
}

// readNumbers lists the entries of a directory that are numbers, in order.
func readNumbers(directory string) ([]int, error) {
	d, err := os.Open(directory)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	var numbers []int
	for _, name := range names {
		if n, err := strconv.Atoi(name); err == nil {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, err
}

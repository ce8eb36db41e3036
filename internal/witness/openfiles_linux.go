package witness

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// OpenFiles returns the open files of a process and its descendants, sorted by
// process and descriptor, without Header and Snapshot; ErrGone if the process
// has ended, ErrEnding, with what was found, if one of them was ending and may
// have closed what others still have. Descendants that end meanwhile are passed
// over. With another error it has the files of those processes that could be
// looked at.
func OpenFiles(pid int) ([]evidence.File, error) {
	files, err := openFiles(pid)
	if errors.Is(err, ErrGone) {
		return nil, fmt.Errorf("open files of process %d: %w", pid, err)
	}
	ending := errors.Is(err, ErrEnding)
	if ending {
		err = nil
	}
	children, errChildren := descendants(pid)
	err = errors.Join(err, errChildren)
	for _, child := range children {
		more, errChild := openFiles(child)
		files = append(files, more...)
		switch {
		case errors.Is(errChild, ErrEnding):
			ending = true
		case !errors.Is(errChild, ErrGone):
			err = errors.Join(err, errChild)
		}
	}
	slices.SortFunc(files, func(a, b evidence.File) int {
		return cmp.Or(cmp.Compare(a.PID, b.PID), cmp.Compare(a.FD, b.FD))
	})
	if err == nil && ending {
		err = ErrEnding
	}
	if err != nil {
		return files, fmt.Errorf("open files of process %d: %w", pid, err)
	}
	return files, nil
}

// openFiles looks at one process, and then whether it was ending meanwhile: its
// files went one after the other then, and in /proc they are nobody's whom an
// ordinary user could be.
func openFiles(pid int) ([]evidence.File, error) {
	files, err := filesOf(pid)
	switch gone, ending := ends(pid); {
	case ending, gone && err == nil:
		return files, ErrEnding
	case gone:
		return nil, ErrGone
	}
	return files, err
}

// filesOf looks at one process, as its owner where it must.
func filesOf(pid int) ([]evidence.File, error) {
	directory := fmt.Sprintf("/proc/%d", pid)
	var s unix.Stat_t
	if err := unix.Stat(directory, &s); err != nil {
		return nil, goneOr(err)
	}
	command, err := readCommand(pid)
	if err != nil {
		return nil, err
	}
	process := evidence.File{PID: pid, Command: command, User: strconv.Itoa(int(s.Uid))}
	if u, err := user.LookupId(process.User); err == nil {
		process.User = u.Username
	}
	files, err := walk(directory, process)
	if errors.Is(err, fs.ErrPermission) {
		plain := err
		refused := asOwner(int(s.Uid), int(s.Gid), func() { files, err = walk(directory, process) })
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
	proc, err := procfs.NewProc(process.PID)
	if err != nil {
		return nil, goneOr(err)
	}
	fds, err := proc.FileDescriptors()
	if err != nil {
		return nil, goneOr(err)
	}
	files := make([]evidence.File, 0, len(fds))
	for _, fd := range fds {
		f := process
		f.FD = int(fd)
		err := describe(&f, fmt.Sprintf("%s/fd/%d", directory, fd))
		if errors.Is(goneOr(err), ErrGone) {
			continue
		}
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, resolveSockets(directory, files)
}

// describe fills in what a descriptor's link and its target tell. Of a TCP or
// UDP socket that is type sock, and the protocol.
func describe(f *evidence.File, path string) (err error) {
	if f.Target, err = os.Readlink(path); err != nil {
		return err
	}
	link, err := os.Lstat(path)
	if err != nil {
		return err
	}
	f.Access = map[fs.FileMode]string{0o400: "r", 0o200: "w", 0o600: "u"}[link.Mode()&0o600]
	if inode, ok := strings.CutPrefix(f.Target, "socket:["); ok {
		f.Inode, err = strconv.ParseUint(strings.TrimSuffix(inode, "]"), 10, 64)
		f.Type, f.Protocol = socketType(path)
		return err
	}
	if strings.HasPrefix(f.Target, "anon_inode:") {
		f.Type = "a_inode"
		return nil
	}
	file, err := os.Stat(path)
	if err == nil {
		f.Type = cmp.Or(fileTypes[file.Mode().Type()], "unknown")
	}
	return err
}

// fileTypes are lsof's words for the types of files.
var fileTypes = map[fs.FileMode]string{
	0: "REG", fs.ModeDir: "DIR", fs.ModeNamedPipe: "FIFO",
	fs.ModeDevice: "BLK", fs.ModeDevice | fs.ModeCharDevice: "CHR",
}

// socketType is a socket's type before it is looked up, and the protocol under
// which it is looked up, both from the kernel's name of its protocol.
func socketType(path string) (kind, protocol string) {
	var name [32]byte
	n, _ := unix.Getxattr(path, "system.sockprotoname", name[:])
	switch protocol := unix.ByteSliceToString(name[:max(n, 0)]); protocol {
	case "UNIX", "UNIX-STREAM":
		return "unix", ""
	case "TCP", "UDP", "TCPv6", "UDPv6":
		return "sock", strings.ToLower(strings.Replace(protocol, "v", "", 1))
	}
	return "sock", ""
}

// resolveSockets completes the rows that have a protocol from the tables of
// that name in /proc/PID/net (proc_pid_net(5)). A table is read in pieces while
// it changes, so that a socket may be missed: the table is then read once more.
// Rows of sockets that are in no table lose their protocol.
func resolveSockets(directory string, files []evidence.File) error {
	proc, err := procfs.NewFS(directory)
	if err != nil {
		return goneOr(err)
	}
	//lint:ignore SA1019 netlink, which is recommended, is what the socket table asks
	tcp, tcp6 := reader(proc.NetTCP), reader(proc.NetTCP6)
	for _, table := range []struct {
		protocol, kind string
		read           func() (procfs.NetIPSocket, error)
	}{
		{"tcp", "IPv4", tcp},
		{"tcp6", "IPv6", tcp6},
		{"udp", "IPv4", reader(proc.NetUDP)},
		{"udp6", "IPv6", reader(proc.NetUDP6)},
	} {
		open := make(map[uint64][]*evidence.File)
		for i := range files {
			if f := &files[i]; f.Protocol == table.protocol {
				open[f.Inode] = append(open[f.Inode], f)
			}
		}
		for attempt := 0; attempt < 2 && len(open) > 0; attempt++ {
			rows, err := table.read()
			if err != nil {
				return goneOr(err)
			}
			for _, row := range rows {
				state, known := evidence.StateName(row.St)
				if open[row.Inode] != nil && !known {
					return fmt.Errorf("%s/net/%s has the unknown state %d", directory, table.protocol, row.St)
				}
				for _, f := range open[row.Inode] {
					f.Type, f.State = table.kind, state
					f.Local = endpoint(row.LocalAddr, uint16(row.LocalPort))
					f.Remote = endpoint(row.RemAddr, uint16(row.RemPort))
				}
				delete(open, row.Inode)
			}
		}
		for _, unresolved := range open {
			for _, f := range unresolved {
				f.Protocol = ""
			}
		}
	}
	return nil
}

// reader gives the tables of all protocols one type.
func reader[T procfs.NetTCP | procfs.NetUDP](read func() (T, error)) func() (procfs.NetIPSocket, error) {
	return func() (procfs.NetIPSocket, error) {
		rows, err := read()
		return procfs.NetIPSocket(rows), err
	}
}

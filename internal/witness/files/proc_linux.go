package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// goneOr is ErrGone for the errors that procfs gives of a process that ended.
func goneOr(err error) error {
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) {
		return ErrGone
	}
	return err
}

// running tells by ErrGone that a process does not run.
func running(pid int) error {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return goneOr(err)
	}
	p, err := parseStat(content)
	if err == nil && p.ended() {
		return ErrGone
	}
	return err
}

// A directory is an open directory of procfs. It stays that of one process even
// if the process's ID is given to another.
type directory struct {
	fd   int
	path string
}

// openProcess opens /proc/PID.
func openProcess(pid int) (directory, error) {
	root := directory{unix.AT_FDCWD, "/proc"}
	fd, err := unix.Open(fmt.Sprintf("/proc/%d", pid), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	return directory{fd, fmt.Sprintf("/proc/%d", pid)}, root.wrap("open", fmt.Sprint(pid), err)
}

func (d directory) open(name string) (directory, error) {
	fd, err := unix.Openat(d.fd, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	return directory{fd, d.path + "/" + name}, d.wrap("open", name, err)
}

// close closes the directory. There is nothing to be lost in it.
func (d directory) close() { _ = unix.Close(d.fd) }

// file opens a file for reading.
func (d directory) file(name string) (*os.File, error) {
	fd, err := unix.Openat(d.fd, name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, d.wrap("open", name, err)
	}
	return os.NewFile(uintptr(fd), d.path+"/"+name), nil
}

func (d directory) read(name string) (string, error) {
	fd, err := unix.Openat(d.fd, name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", d.wrap("open", name, err)
	}
	defer unix.Close(fd)
	content := make([]byte, 0, 1024)
	for {
		n, err := unix.Read(fd, content[len(content):cap(content)])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if n <= 0 || err != nil {
			return string(content), d.wrap("read", name, err)
		}
		content = content[:len(content)+n]
		if len(content) == cap(content) {
			content = append(content, 0)[:len(content)]
		}
	}
}

// names lists the directory in the kernel's order, which is ascending for
// descriptors.
func (d directory) names() ([]string, error) {
	f, err := d.file(".")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}

func (d directory) readlink(name string) (string, error) {
	var buffer [unix.PathMax]byte
	n, err := unix.Readlinkat(d.fd, name, buffer[:])
	if err != nil {
		return "", d.wrap("read link", name, err)
	}
	return string(buffer[:n]), nil
}

// stat tells of what a link leads to, lstat of the link itself.
func (d directory) stat(name string) (s unix.Stat_t, err error) {
	return s, d.wrap("stat", name, unix.Fstatat(d.fd, name, &s, 0))
}

func (d directory) lstat(name string) (s unix.Stat_t, err error) {
	return s, d.wrap("stat", name, unix.Fstatat(d.fd, name, &s, unix.AT_SYMLINK_NOFOLLOW))
}

func (d directory) wrap(operation, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: operation, Path: d.path + "/" + name, Err: err}
}

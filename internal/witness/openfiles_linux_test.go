package witness

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/procfs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/nettest"
)

// openOneOfEach is the program whose files are looked at. It ends with its
// standard input.
func openOneOfEach() {
	must := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	var open []any // for the garbage collector, which closes what nobody has
	config := net.ListenConfig{}
	config.SetMultipathTCP(false)
	for _, address := range []string{"127.0.0.1:12000", "[::1]:12001", ":12002"} {
		l, err := config.Listen(context.Background(), "tcp", address)
		must(err)
		c, err := net.Dial("tcp", l.Addr().String())
		must(err)
		open = append(open, l, c)
	}
	u, err := net.ListenPacket("udp", "127.0.0.1:12003")
	must(err)
	u6, err := net.Dial("udp", "[::1]:12003")
	must(err)
	local, err := net.Listen("unix", "@"+strconv.Itoa(os.Getpid()))
	must(err)
	null, err := os.OpenFile("/dev/null", os.O_WRONLY, 0)
	must(err)
	directory, err := os.Open("/")
	must(err)
	regular, err := os.Open("/proc/self/exe")
	must(err)
	_, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0) // in no table
	must(err)
	bound, err := u.(*net.UDPConn).File() // a second descriptor of one socket
	must(err)
	open = append(open, u, u6, local, null, directory, regular, bound)
	fmt.Print("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	runtime.KeepAlive(open)
}

// endMainThread is a program whose main thread has ended and whose others have
// its files open, as if it was ending, until the end of its standard input.
func endMainThread() {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	fmt.Print("ready")
	_, _, _ = unix.Syscall(unix.SYS_EXIT, 0, 0, 0)
}

// lookAt tells as JSON what OpenFiles sees of a process.
func lookAt(pid string) {
	number, _ := strconv.Atoi(pid)
	files, err := OpenFiles(number)
	result := sight{Files: files}
	if err != nil {
		result.Error = err.Error()
	}
	_ = json.NewEncoder(os.Stdout).Encode(result)
}

type sight struct {
	Files []evidence.File
	Error string
}

// rows are what lsof and OpenFiles have in common: descriptor, access, type,
// and of sockets the inode, the protocol, the endpoints and the state.
func rows(files []evidence.File) (rows []string) {
	for _, f := range files {
		row := fmt.Sprintf("%d %s%s %s", f.PID, strconv.Itoa(f.FD), f.Access, f.Type)
		if f.Protocol != "" {
			name := tools(f.Local.String())
			if f.Remote.Port() != 0 {
				name += "->" + tools(f.Remote.String())
			}
			row += fmt.Sprintf(" %d %s %s", f.Inode, strings.ToUpper(strings.TrimSuffix(f.Protocol, "6")), name)
			if strings.HasPrefix(f.Protocol, "tcp") {
				row += " " + f.State
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// lsof is what lsof says of a process's descriptors, in the form of rows.
func lsof(t *testing.T, n *nettest.Namespace, pid int) (rows []string) {
	t.Helper()
	for entry := range strings.SplitSeq(n.Output(t, "lsof", "-nP", "-a", "-p", strconv.Itoa(pid), "-F", "fatdPnT"), "\nf") {
		f := map[byte]string{}
		for line := range strings.Lines("f" + entry) {
			line = strings.TrimSpace(line)
			if line[0] == 'T' && !strings.HasPrefix(line, "TST=") {
				continue
			}
			f[line[0]] = line[1:]
		}
		if _, err := strconv.Atoi(f['f']); err != nil {
			continue // cwd, txt and the like
		}
		row := fmt.Sprintf("%d %s%s %s", pid, f['f'], strings.TrimSpace(f['a']), f['t'])
		if f['P'] == "TCP" && f['t'] != "sock" || f['P'] == "UDP" {
			local, remote, connected := strings.Cut(f['n'], "->")
			name := tools(local)
			if connected {
				name += "->" + tools(remote)
			}
			row += fmt.Sprintf(" %s %s %s", f['d'], f['P'], name)
			if f['P'] == "TCP" {
				row += " " + strings.TrimPrefix(f['T'], "ST=")
			}
		}
		rows = append(rows, row)
	}
	return rows
}

func TestOpenFilesAgreeWithLsof(t *testing.T) {
	nettest.Tool(t, "lsof")
	n := nettest.New(t)
	c := startSelf(t, n, "open", nil)
	files, err := OpenFiles(c.Process.Pid)
	require.NoError(t, err)
	assert.Equal(t, lsof(t, n, c.Process.Pid), rows(files))

	var kinds []string
	for _, f := range files {
		kinds = append(kinds, f.Type)
		assert.Equal(t, "root", f.User)
		assert.NotEmpty(t, f.Target)
		assert.True(t, strings.HasPrefix("witness.test", f.Command), f.Command)
		assert.Equal(t, strings.HasPrefix(f.Target, "socket:["), f.Inode != 0)
		assert.False(t, f.Local.Addr().Is4In6() || f.Remote.Addr().Is4In6())
	}
	for _, kind := range []string{"IPv4", "IPv6", "unix", "sock", "REG", "DIR", "CHR", "FIFO", "a_inode"} {
		assert.Contains(t, kinds, kind)
	}
	// The control: another process's files are other files.
	other := startSelf(t, nettest.New(t), "open", nil)
	files, err = OpenFiles(other.Process.Pid)
	require.NoError(t, err)
	assert.NotEqual(t, lsof(t, n, c.Process.Pid), rows(files))
}

// TestOpenFilesAgreeWithSocketTable: the two witnesses share nothing but the
// kernel, and say the same of every socket that a process holds.
func TestOpenFilesAgreeWithSocketTable(t *testing.T) {
	n := nettest.New(t)
	c := startSelf(t, n, "open", nil)
	sockets, err := openSocketTable(t, n).Dump()
	require.NoError(t, err)
	files, err := OpenFiles(c.Process.Pid)
	require.NoError(t, err)
	held := map[uint64]string{}
	for _, f := range files {
		if f.Protocol != "" {
			held[f.Inode] = fmt.Sprint(f.Protocol, f.Local, f.Remote, f.State)
		}
	}
	table := map[uint64]string{}
	for _, s := range sockets {
		if s.Inode != 0 { // what waits to be accepted belongs to no process
			table[s.Inode] = fmt.Sprint(s.Protocol, s.Local, s.Remote, s.State)
		}
	}
	assert.Equal(t, table, held)
	assert.Len(t, held, 8)
}

// TestOpenFilesOfAnotherUser: the agent of a container is root without the
// capabilities by which root looks at all processes.
func TestOpenFilesOfAnotherUser(t *testing.T) {
	nettest.Tool(t, "setpriv")
	n := nettest.New(t)
	c := startSelf(t, n, "open", func(c *exec.Cmd) {
		program := copyForAll(t, c.Args[len(c.Args)-1])
		c.Args = []string{"nsenter", c.Args[1], "--setuid=65534", "--setgid=65534", program}
	})
	look := func(capabilities string) (s sight) {
		self, err := os.Executable()
		require.NoError(t, err)
		looker := exec.Command("setpriv", "--bounding-set=-all"+capabilities, "--inh-caps=-all", self, strconv.Itoa(c.Process.Pid))
		looker.Env = append(os.Environ(), role+"=look")
		output, err := looker.Output()
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(output, &s))
		return s
	}
	want, err := OpenFiles(c.Process.Pid)
	require.NoError(t, err)
	s := look(",+setuid,+setgid")
	assert.Empty(t, s.Error)
	assert.Equal(t, rows(want), rows(s.Files))
	assert.Equal(t, "nobody", s.Files[0].User)

	s = look(",+setuid")
	assert.Empty(t, s.Files)
	assert.Contains(t, s.Error, "permission denied; take on user 65534 and group 65534: operation not permitted")
}

// copyForAll copies a program to where every user may execute it.
func copyForAll(t *testing.T, program string) string {
	t.Helper()
	directory, err := os.MkdirTemp("", "witness")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(directory)) })
	require.NoError(t, os.Chmod(directory, 0o755))
	content, err := os.ReadFile(program)
	require.NoError(t, err)
	program = directory + "/witness.test"
	require.NoError(t, os.WriteFile(program, content, 0o755))
	return program
}

// TestAsOwnerThrowsTheThreadAway: the thread has the owner's rights, and no
// other thread has them afterwards.
func TestAsOwnerThrowsTheThreadAway(t *testing.T) {
	nettest.Root(t)
	ids := func(task string) (found string) {
		content, _ := os.ReadFile("/proc/" + task + "/status")
		for line := range strings.Lines(string(content)) {
			if f := strings.Fields(line); len(f) == 5 && (f[0] == "Uid:" || f[0] == "Gid:") {
				found += f[4] + " "
			}
		}
		return found
	}
	var inside string
	require.NoError(t, asOwner(65534, 65533, func() { inside = ids("thread-self") }))
	assert.Equal(t, "65534 65533 ", inside)
	eventually(t, func() bool {
		threads, err := procfs.AllThreads(os.Getpid())
		require.NoError(t, err)
		return !slices.ContainsFunc(threads, func(p procfs.Proc) bool { // the main thread cannot end
			return p.PID != os.Getpid() && ids(fmt.Sprintf("self/task/%d", p.PID)) == inside
		})
	}, "the thread ends")
}

// TestOpenFilesOfDescendants: a shell has two children, one of which has one.
func TestOpenFilesOfDescendants(t *testing.T) {
	c := exec.Command("sh", "-c", "sleep 600 & (sleep 600; true) & wait")
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(t, c.Start())
	t.Cleanup(func() {
		require.NoError(t, unix.Kill(-c.Process.Pid, unix.SIGKILL))
		_ = c.Wait()
	})
	sleeping := func() (pids []int) {
		all, err := descendants(c.Process.Pid)
		require.NoError(t, err)
		for _, pid := range all {
			if command, err := readCommand(pid); err == nil && command == "sleep" {
				pids = append(pids, pid)
			}
		}
		return pids
	}
	eventually(t, func() bool { return len(sleeping()) == 2 }, "two sleepers")
	files, err := OpenFiles(c.Process.Pid)
	require.NoError(t, err)
	var pids []int
	for _, f := range files {
		pids = append(pids, f.PID)
	}
	assert.True(t, slices.IsSorted(pids))
	assert.Subset(t, pids, append(sleeping(), c.Process.Pid))
	assert.NotContains(t, pids, os.Getpid())
}

// TestProcessOf: a shell is the first process of a PID namespace, and its child
// the second.
func TestProcessOf(t *testing.T) {
	nettest.Root(t)
	c := exec.Command("sh", "-c", "sleep 600 & wait")
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID}
	require.NoError(t, c.Start())
	t.Cleanup(func() {
		require.NoError(t, c.Process.Kill())
		_ = c.Wait()
	})
	shell, found := ProcessOf(c.Process.Pid, 1)
	assert.True(t, found)
	assert.Equal(t, c.Process.Pid, shell)
	eventually(t, func() bool {
		child, found := ProcessOf(c.Process.Pid, 2)
		return found && slices.Equal(children(c.Process.Pid)[:1], []int{child})
	}, "its child")
	_, found = ProcessOf(c.Process.Pid, c.Process.Pid)
	assert.False(t, found)
}

func TestOpenFilesOfAProcessThatEnded(t *testing.T) {
	c := exec.Command("true")
	require.NoError(t, c.Start())
	pid := c.Process.Pid
	// It has ended once it is a zombie, before anybody waits for it.
	eventually(t, func() bool { _, err := readCommand(pid); return err != nil }, "the end")
	_, err := OpenFiles(pid)
	require.ErrorIs(t, err, ErrGone)
	require.NoError(t, c.Wait())
	_, err = OpenFiles(pid)
	require.ErrorIs(t, err, ErrGone)
	assert.EqualError(t, err, fmt.Sprintf("open files of process %d: the process has ended", pid))
}

// TestOpenFilesOfAProcessThatEnds: what is open then cannot be told.
func TestOpenFilesOfAProcessThatEnds(t *testing.T) {
	c := startSelf(t, nettest.New(t), "ending", nil)
	eventually(t, func() bool { _, err := readCommand(c.Process.Pid); return err != nil }, "the end of the main thread")
	files, err := OpenFiles(c.Process.Pid)
	require.ErrorIs(t, err, ErrEnding)
	assert.Empty(t, files)
}

// TestOpenFilesWhileTheyComeAndGo: what is closed during the walk is no error.
func TestOpenFilesWhileTheyComeAndGo(t *testing.T) {
	stop, done := make(chan struct{}), make(chan error)
	go func() {
		var err error
		for err == nil {
			select {
			case <-stop:
				done <- nil
				return
			default:
				var l net.Listener
				if l, err = net.Listen("tcp", "127.0.0.1:0"); err == nil {
					err = l.Close()
				}
			}
		}
		done <- err
	}()
	deadline := time.Now().Add(200 * time.Millisecond)
	for time.Now().Before(deadline) {
		files, err := OpenFiles(os.Getpid())
		assert.NoError(t, err)
		assert.NotEmpty(t, files)
	}
	close(stop)
	require.NoError(t, <-done)
}

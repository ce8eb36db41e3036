package netns

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// This test binary is also the programs that the tests run on hosts, as
// `client NAME ...`, and engines that the tests look at from outside, as
// `lab NAME ...`.
func TestMain(m *testing.M) {
	if IsHelper() {
		os.Exit(Helper())
	}
	switch filepath.Base(os.Args[0]) {
	case "client", "lab":
		if err := programs[os.Args[1]](os.Args[2:]); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

var programs map[string]func([]string) error

func init() {
	programs = map[string]func([]string) error{
		"echo":      echoProgram,
		"dial":      dialProgram,
		"report":    reportProgram,
		"count":     countProgram,
		"exit":      func([]string) error { os.Exit(7); return nil },
		"true":      func([]string) error { return nil },
		"engine":    engineProgram,
		"rootless":  rootlessProgram,
		"lab":       labProgram,
		"ipv6":      ipv6Program,
		"supported": supportedProgram,
		"forbidden": forbiddenProgram,
	}
}

// echoProgram answers what it is told, with where it heard it from.
func echoProgram(args []string) error {
	l, err := net.Listen("tcp", args[0])
	if err != nil {
		return err
	}
	fmt.Println("listening")
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			said, _ := bufio.NewReader(c).ReadString('\n')
			fmt.Fprintf(c, "%s from %s", strings.TrimSpace(said), c.RemoteAddr())
		}()
	}
}

// dialProgram says hello and prints the answer.
func dialProgram(args []string) error {
	c, err := net.DialTimeout("tcp", args[0], 5*time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	fmt.Fprintln(c, "hello")
	answer, err := io.ReadAll(c)
	fmt.Println(string(answer))
	return err
}

// A report is what a program sees of itself and its host.
type report struct {
	PID, Parent, UID, GID, Session int
	Groups                         []int
	Status                         string
	Hostname, Directory, Comm      string
	Hosts                          string
	Environment, Arguments         []string
	Descriptors, Processes         []string
	Interfaces, Inherited          []string
	Writable                       []string
}

func reportProgram([]string) error {
	r := report{PID: os.Getpid(), Parent: os.Getppid(), UID: os.Getuid(), GID: os.Getgid()}
	r.Session, _ = syscall.Getpgid(0)
	r.Groups, _ = os.Getgroups()
	status, _ := os.ReadFile("/proc/self/status")
	r.Status = string(status)
	comm, _ := os.ReadFile("/proc/self/comm")
	r.Comm = strings.TrimSpace(string(comm))
	hosts, _ := os.ReadFile("/etc/hosts")
	r.Hosts = string(hosts)
	r.Hostname, _ = os.Hostname()
	r.Directory, _ = os.Getwd()
	r.Environment, r.Arguments = os.Environ(), os.Args
	for fd := range 3 {
		to, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
		r.Descriptors = append(r.Descriptors, fmt.Sprint(to, err))
	}
	for fd := 3; fd < 100; fd++ {
		// The Go runtime's own epoll and event descriptors come and go.
		if to, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd)); err == nil && !strings.HasPrefix(to, "anon_inode:") {
			r.Inherited = append(r.Inherited, to)
		}
	}
	processes, _ := filepath.Glob("/proc/[0-9]*")
	r.Processes = processes
	interfaces, _ := filepath.Glob("/sys/class/net/*")
	for _, i := range interfaces {
		r.Interfaces = append(r.Interfaces, filepath.Base(i))
	}
	for _, path := range []string{"/proc/sys/net/ipv4/ip_forward", "/sys/class/net/lo/mtu", "/etc/hosts"} {
		if f, err := os.OpenFile(path, os.O_WRONLY, 0); err == nil {
			f.Close()
			r.Writable = append(r.Writable, path)
		}
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

// countProgram says which signals it gets, and after SIGTERM how many.
func countProgram([]string) error {
	told := make(chan os.Signal, 16)
	signal.Notify(told, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT)
	fmt.Println("ready")
	for count := 1; ; count++ {
		s := <-told
		fmt.Println("got", s)
		if s == syscall.SIGTERM && count > 1 {
			os.Exit(count)
		}
	}
}

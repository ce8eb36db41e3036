package netns

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/fourtuple/fourtuple/internal/agent"
	"github.com/fourtuple/fourtuple/internal/engine/netns/spawn"
)

// nobody is who root's programs run as, as in most containers.
const nobody = 65534

// Start starts a program on the host (agent.Place). It returns when the program
// is executed, or says why it is not.
//
// The program is the first process of a PID namespace of its own and has its
// own /proc, /sys, /etc/hosts, host name and session; its other files are the
// machine's. It has no capability, cannot get any, and no descriptors but 0
// (/dev/null), 1 and 2. It is killed when this process ends, however that is.
func (h *Host) Start(p agent.Program) (agent.Process, error) {
	process, err := h.start(p)
	if err != nil {
		return nil, fmt.Errorf("start %q on %s: %w", p.Args, h.asked.Name, err)
	}
	return process, nil
}

func (h *Host) start(p agent.Program) (*process, error) {
	request, err := h.request(p)
	if err != nil {
		return nil, err
	}
	namespace, err := h.network.namespace(h.asked.Name)
	if err != nil {
		return nil, err
	}
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, err
	}
	defer ours.Close()
	defer theirs.Close()
	child, err := h.network.clone(namespace, p, theirs)
	if err != nil {
		return nil, err
	}
	theirs.Close()
	if err := converse(ours, request); err != nil {
		return nil, errors.Join(err, child.kill())
	}
	return child, nil
}

// request says what the new process is to become.
func (h *Host) request(p agent.Program) ([]byte, error) {
	if len(p.Args) == 0 {
		return nil, errors.New("no program")
	}
	r := spawn.Request{
		Kind: spawn.Program, User: programUser(), Args: p.Args,
		Directory: p.Directory, Hostname: p.Hostname,
	}
	if r.Hostname == "" {
		r.Hostname = h.asked.Name
	}
	if r.Directory == "" {
		r.Directory = "/"
	}
	if name := p.Args[0]; name == "server" || name == "client" {
		r.File, r.As = h.network.self.path, name
		r.Args = append([]string{"lab"}, p.Args...)
	}
	r.Environment = environment(r.Hostname, p.Environment)
	r.Hosts = h.hostsFile(r.Hostname, p.ExtraHosts)
	return r.Encode()
}

// programUser is the uid and gid of programs, -1 for this process's own.
func programUser() int {
	if os.Geteuid() == 0 {
		return nobody
	}
	return -1
}

// clone makes the process on the starter's thread, in the host's namespace.
func (n *Network) clone(namespace *os.File, p agent.Program, socket *os.File) (child *process, err error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	files := []*os.File{null, cmp.Or(p.Stdout, null), cmp.Or(p.Stderr, null), socket}
	if n.self.copied != nil {
		files = append(files, n.self.copied)
	}
	err = n.starter.do(namespace, func() error {
		pid, pidfd, err := clone(files, &syscall.SysProcAttr{Cloneflags: ownNamespaces, Setsid: true})
		if err != nil {
			return err
		}
		child, err = n.adopt(pid, pidfd)
		return err
	})
	return child, err
}

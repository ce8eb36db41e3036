package evidence

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// A Run is a run folder that was read and joined. Nothing in it is to be
// changed.
type Run struct {
	// ID is the run's id, Lab the lab as run, LabHash the SHA-256 of lab.json.
	ID      string
	Lab     *topology.Lab
	LabHash string
	// Hosts are by name: every host of the lab, and every host of which there
	// is a file.
	Hosts map[string]*Host
	// Defects concern the run as a whole: hosts of different runs or labs,
	// evidence of a host that the lab does not have.
	Defects []string
	// Connections are the join, in the order of their clients' four-tuples and
	// of their openings; refused and unanswered openings are among them.
	Connections []Connection
	// Datagrams are in the order of their times.
	Datagrams []Datagram
	// Steps are what was done, in the order of the lab's steps, and of hosts.
	Steps []StepRow
	// Ended says which step ended the run before the lab's last, and why; empty
	// if none did. Steps from there on were not done.
	Ended string
	// Versions are of what ran it.
	Versions Versions
	// Orphans are the records that join no connection and should, in the order
	// of their files and lines.
	Orphans []Orphan
	// Contradictions are the records that cannot be beside others, in the order
	// of their files and lines.
	Contradictions []Contradiction

	sides map[recordFile][]sideOfRecord
}

// A Host is all that was recorded of one host.
type Host struct {
	Name         string
	Events       []HostEvent
	Packets      []Packet
	Sockets      []Socket
	Files        []File
	Program      []ProgramEvent
	Translations []Translation
	// Defects say, for each witness, why its evidence is not whole: missing,
	// cut short, altered, at odds with its seal, malformed. A witness that is
	// not named is whole.
	Defects map[Witness]string
	// Snapshots are the numbers of the host's named snapshots.
	Snapshots map[string]int

	// Processes are those that the agent started, in that order.
	Processes []Process

	// ran are the Processes; snapshot is when the last snapshot was taken.
	ran      map[programID]bool
	snapshot time.Time
	// existed are the inodes of the sockets from before the program: a container
	// engine has listeners of its own.
	existed map[uint64]bool
	dumps   []dump
	// tellers are the programs that tell of connections, tellData those that tell
	// what they sent and received, prompts those that make single calls.
	tellers, tellData, prompts map[string]bool
}

// A Process is a program of a host while it ran, by the agent that started it.
type Process struct {
	// Program is its name, empty for the host's command.
	Program string
	PID     int
	Started time.Time
	// Exited and Status say when and how it ended; zero and nil if the agent did
	// not tell.
	Exited time.Time
	Status *int
}

// A programID is one process of a program.
type programID struct {
	program string
	pid     int
}

// started tells whether the agent started a process of that number.
func (h *Host) started(program string, pid int) bool { return h.ran[programID{program, pid}] }

// Defect says why the evidence of a witness is not whole; empty if it is. Of no
// host at all, nothing is whole.
func (h *Host) Defect(w Witness) string {
	if h == nil {
		return "the run has no such host"
	}
	return h.Defects[w]
}

// owners are the hosts that addresses belong to: the lab's, and the link-local
// ones that only one host says it has.
func (r *Run) owners() map[netip.Addr]string {
	owners, several := r.Lab.Owners(), make(map[netip.Addr]bool)
	for _, name := range r.Names() {
		for i := range r.Hosts[name].Events {
			for _, on := range r.Hosts[name].Events[i].Interfaces {
				for _, prefix := range on.Addresses {
					a := prefix.Addr()
					if !a.IsLinkLocalUnicast() {
						continue
					}
					several[a] = several[a] || owners[a] != "" && owners[a] != name
					owners[a] = name
				}
			}
		}
	}
	for a := range several {
		if several[a] {
			delete(owners, a)
		}
	}
	return owners
}

// Names are the hosts' names, in order.
func (r *Run) Names() []string { return slices.Sorted(maps.Keys(r.Hosts)) }

// Load reads and joins the run folder dir. It opens regular files only. An
// error means that dir is no run folder; whatever else is wrong is a defect.
func Load(dir string) (*Run, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	r := &Run{Hosts: make(map[string]*Host)}
	if err := r.loadLab(root); err != nil {
		return nil, fmt.Errorf("%s is no run folder: %w", dir, err)
	}
	accounts := make([]*account, len(r.Lab.Hosts))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range r.Lab.Hosts {
		group.Go(func() error {
			accounts[i] = loadHost(root, r, &r.Lab.Hosts[i])
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for _, a := range accounts {
		r.Hosts[a.host.Name] = a.is
		if a.foreign != "" {
			r.Defects = append(r.Defects, printable(a.foreign))
		}
	}
	r.checkSteps(accounts)
	if err := r.findStrangers(dir); err != nil {
		return nil, err
	}
	join(r)
	return r, nil
}

// mostSteps bounds a run's rows of steps, of all hosts together.
const mostSteps = 1 << 20

// loadLab reads lab.json.
func (r *Run) loadLab(root *os.Root) error {
	var as AsRun
	err := withFile(root, LabFile, maxLab, func(file io.Reader, _ int64) error {
		data, err := io.ReadAll(file)
		r.LabHash = hash(data)
		return cmp.Or(err, decodeStrictly(data, &as))
	})
	if err != nil {
		return err
	}
	if r.ID, r.Versions, r.Lab = as.Run, as.Versions, &as.Lab; r.ID == "" {
		return fmt.Errorf("%s has no run", LabFile)
	}
	if len(as.Steps)*max(len(as.Hosts), 1) > mostSteps {
		return fmt.Errorf("%s has %d steps on %d hosts", LabFile, len(as.Steps), len(as.Hosts))
	}
	for i, s := range as.Steps {
		if s.Number != i+1 {
			return fmt.Errorf("%s has step %d where step %d must be", LabFile, s.Number, i+1)
		}
	}
	names := make(map[string]bool)
	for _, h := range as.Hosts {
		if h.Name == "" || names[h.Name] {
			return fmt.Errorf("%s has two hosts %q", LabFile, h.Name)
		}
		names[h.Name] = true
	}
	return nil
}

// findStrangers notes hosts that are of another run or lab, or not in the lab.
func (r *Run) findStrangers(dir string) error {
	entries, err := os.ReadDir(dir) // sorted
	if err != nil {
		return err
	}
	for _, e := range entries {
		name, _, ok := parseName(e.Name())
		if !ok || r.Hosts[name] != nil {
			continue
		}
		h := &Host{Name: name, Defects: make(map[Witness]string)}
		for w := range suffixes {
			h.defect(w, "the lab has no host %s", name)
		}
		r.Hosts[name] = h
		r.Defects = append(r.Defects, h.Defects[Agent])
	}
	return nil
}

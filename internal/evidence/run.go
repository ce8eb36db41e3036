package evidence

import (
	"errors"
	"maps"
	"slices"

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
	// Orphans are the records that join no connection and should, in the order
	// of their files and lines.
	Orphans []Orphan
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
}

// Defect says why the evidence of a witness is not whole; empty if it is. Of no
// host at all, nothing is whole.
func (h *Host) Defect(w Witness) string {
	if h == nil {
		return "the run has no such host"
	}
	return h.Defects[w]
}

// Names are the hosts' names, in order.
func (r *Run) Names() []string { return slices.Sorted(maps.Keys(r.Hosts)) }

// Load reads and joins the run folder dir. It opens regular files only. An
// error means that dir is no run folder; whatever else is wrong is a defect.
func Load(dir string) (*Run, error) { return nil, errors.ErrUnsupported }

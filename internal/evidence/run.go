package evidence

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// A Run is all that a run folder holds.
type Run struct {
	// Lab is the text of lab.yml.
	Lab   []byte
	Hosts map[string]*Host
}

// A Host is what the witnesses of one host wrote down.
type Host struct {
	Name         string
	Packets      []Packet
	Sockets      []Socket
	Files        []File
	Accounts     []Account
	Translations []Translation
	Events       []HostEvent
	flaws        map[Witness]string
}

// Flaw says why what the witness wrote down is not all that it saw, or cannot
// be relied on; it is empty for a witness whose evidence is whole.
func (h *Host) Flaw(w Witness) string {
	if h == nil {
		return "no evidence of this host"
	}
	return h.flaws[w]
}

func (h *Host) flaw(w Witness, format string, args ...any) {
	if h.flaws[w] == "" {
		h.flaws[w] = fmt.Sprintf(format, args...)
	}
}

// LabHash is the hash of a lab's text that every host notes when it registers.
func LabHash(lab []byte) string {
	sum := sha256.Sum256(lab)
	return hex.EncodeToString(sum[:])
}

// Names are the hosts' names in order.
func (r *Run) Names() []string {
	names := make([]string, 0, len(r.Hosts))
	for name := range r.Hosts {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Load reads a run folder. An error means that the folder is no run folder;
// evidence that is missing, cut short or altered is no error but a flaw of its
// witness.
func Load(folder fs.FS) (*Run, error) {
	lab, err := fs.ReadFile(folder, LabFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("no lab.yml in it: not the folder of a run")
	}
	if err != nil {
		return nil, err
	}
	entries, err := fs.ReadDir(folder, ".")
	if err != nil {
		return nil, err
	}
	run := &Run{Lab: lab, Hosts: make(map[string]*Host)}
	for _, entry := range entries {
		if name, w, ok := parseName(entry.Name()); ok && w == Agent {
			run.Hosts[name] = loadHost(folder, name, lab)
		}
	}
	for _, entry := range entries {
		if name, _, ok := parseName(entry.Name()); ok && run.Hosts[name] == nil {
			run.Hosts[name] = orphan(name)
		}
	}
	return run, nil
}

// orphan is a host of which files exist, but not the one that vouches for them.
func orphan(name string) *Host {
	h := &Host{Name: name, flaws: make(map[Witness]string)}
	for w := range suffixes {
		h.flaw(w, "%s is missing", FileName(name, Agent))
	}
	return h
}

func loadHost(folder fs.FS, name string, lab []byte) *Host {
	h := &Host{Name: name, flaws: make(map[Witness]string)}
	h.Events = loadEvents(folder, h)
	seals := h.seals()
	for _, w := range []Witness{Packets, Sockets, Files, Program, Conntracked} {
		h.load(folder, w, seals)
	}
	h.checkLab(lab)
	h.checkErrors()
	return h
}

func loadEvents(folder fs.FS, h *Host) []HostEvent {
	data, err := fs.ReadFile(folder, FileName(h.Name, Agent))
	if err != nil {
		h.flaw(Agent, "%v", err)
		return nil
	}
	events, flaw := parseLines(data, h.Name, Agent, func(e HostEvent) Header { return e.Header })
	if flaw != "" {
		h.flaw(Agent, "%s", flaw)
	}
	return events
}

// seals are the seals of the host's closed event; nil where the host never
// closed, or wrote on after that.
func (h *Host) seals() map[Witness]Seal {
	if len(h.Events) == 0 || h.Events[len(h.Events)-1].Event != HostClosed {
		h.flaw(Agent, "cut short: the host did not live to close its files")
		return nil
	}
	seals := make(map[Witness]Seal)
	for _, s := range h.Events[len(h.Events)-1].Seals {
		seals[s.Witness] = s
	}
	return seals
}

func (h *Host) load(folder fs.FS, w Witness, seals map[Witness]Seal) {
	seal, sealed := seals[w]
	file := FileName(h.Name, w)
	data, err := fs.ReadFile(folder, file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if sealed || w != Conntracked {
			h.flaw(w, "%s is missing", file)
		}
		return
	case err != nil:
		h.flaw(w, "%v", err)
		return
	case seals != nil && !sealed:
		h.flaw(w, "%s was not sealed by its host", file)
		return
	case sealed && !seal.matches(data):
		h.flaw(w, "%s was changed after its host sealed it", file)
		return
	case !sealed:
		h.flaw(w, "%s is cut short: its host did not live to seal it", file)
	case seal.Error != "":
		h.flaw(w, "%s is incomplete: %s", file, seal.Error)
	case seal.Dropped > 0:
		h.flaw(w, "%s is incomplete: %d were dropped", file, seal.Dropped)
	}
	if flaw := h.parse(w, data); flaw != "" {
		h.flaw(w, "%s", flaw)
	}
}

func (s Seal) matches(data []byte) bool {
	return int64(len(data)) == s.Bytes && LabHash(data) == strings.ToLower(s.SHA256)
}

// checkLab compares the lab that the host says it is part of with the folder's.
func (h *Host) checkLab(lab []byte) {
	said := slices.IndexFunc(h.Events, func(e HostEvent) bool { return e.Event == HostRegistered })
	switch {
	case said < 0:
		h.flaw(Agent, "%s does not say which lab it was part of", FileName(h.Name, Agent))
	case h.Events[said].Lab != LabHash(lab):
		for w := range suffixes {
			h.flaws[w] = "lab.yml is not the lab that " + h.Name + " was part of"
		}
	}
}

// checkErrors takes over what the host itself says went wrong.
func (h *Host) checkErrors() {
	for _, e := range h.Events {
		if e.Event == HostFailed {
			h.flaw(Agent, "the host agent says: %s", e.Error)
		}
	}
}

package compose

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// labKey is the one extension of Compose's that this package reads.
const labKey = "x-lab"

// defaultLimit bounds the run of a lab that does not say; leastLimit is the
// least that a lab may say.
const (
	defaultLimit = 60 * time.Second
	leastLimit   = time.Second
)

// readLab reads x-lab at the top of the file. What it names need not be there.
func readLab(value any, name string, r *report) *topology.Lab {
	f := fieldsOf(value, key{labKey}, r)
	f.allow("claims", "clients", "explanation", "limit", "name", "question", "steps")
	lab := &topology.Lab{
		Name: name, Question: f.say("question"), Explanation: f.say("explanation"), Clients: f.names("clients"),
		Limit: defaultLimit,
	}
	if text, ok := f.values["name"].(string); ok {
		lab.Name = text
		checkName(text, f.at.to("name"), r)
	} else if f.has("name") {
		f.refuse("name", "it must be text")
	}
	if f.has("limit") {
		lab.Limit = f.duration("limit", leastLimit)
	}
	return lab
}

// readHostLab reads what stands under x-lab in a service.
func readHostLab(value any, at key, r *report, h *topology.Host) {
	f := fieldsOf(value, at, r)
	f.allow("capture-after", "masquerade", "ready")
	h.Masquerade = f.names("masquerade")
	if f.has("capture-after") {
		h.CaptureAfter = f.duration("capture-after", 0)
	}
	if f.has("ready") {
		h.Ready = f.ready("ready")
	}
}

// fields reads a mapping strictly: what it cannot read, it reports.
type fields struct {
	at     key
	values map[string]any
	r      *report
}

func fieldsOf(value any, at key, r *report) fields {
	values, ok := value.(map[string]any)
	if !ok && value != nil {
		r.add(at, "it must be a mapping")
	}
	return fields{at: at, values: values, r: r}
}

func (f fields) has(name string) bool { return f.values[name] != nil }

func (f fields) refuse(name, format string, args ...any) {
	f.r.add(f.at.to(name), format, args...)
}

// allow refuses every field that is not named.
func (f fields) allow(names ...string) {
	for _, name := range slices.Sorted(maps.Keys(f.values)) {
		if !slices.Contains(names, name) {
			f.refuse(name, "there is no such key here; there are %s", strings.Join(names, ", "))
		}
	}
}

func (f fields) text(name string) string {
	text, ok := f.values[name].(string)
	if !ok && f.has(name) {
		f.refuse(name, "it must be text")
	}
	return text
}

// say reads text in several languages, or in English alone.
func (f fields) say(name string) topology.Text {
	if text, ok := f.values[name].(string); ok {
		return topology.Text{EN: text}
	}
	said := fieldsOf(f.values[name], f.at.to(name), f.r)
	said.allow("en", "ko")
	return topology.Text{EN: said.text("en"), KO: said.text("ko")}
}

func (f fields) names(name string) []string {
	list, ok := f.values[name].([]any)
	if !ok && f.has(name) {
		f.refuse(name, "it must be a list")
	}
	var names []string
	seen := make(map[string]bool)
	for _, value := range list {
		text, ok := value.(string)
		switch {
		case !ok || text == "":
			f.refuse(name, "it must be a list of names")
		case seen[text]:
			f.r.add(f.at.to(name, text), "it is named twice; remove one")
		default:
			seen[text] = true
			names = append(names, text)
		}
	}
	return names
}

func (f fields) duration(name string, least time.Duration) time.Duration {
	text, _ := f.values[name].(string)
	duration, err := time.ParseDuration(text)
	if err != nil || duration < least {
		f.refuse(name, "it must be a duration such as 30s or 2m, and at least %s", least)
	}
	return duration
}

// ready reads when a program is ready: a word, or how long after its start.
func (f fields) ready(name string) topology.Ready {
	text, _ := f.values[name].(string)
	switch text {
	case topology.ReadyEvent, topology.ReadySocket, topology.ReadyStarted, topology.ReadyExit:
		return topology.Ready{When: text}
	}
	after, err := time.ParseDuration(text)
	if err != nil || after < 0 {
		f.refuse(name, "it must be event, socket, started, exit, or a duration such as 2s")
	}
	return topology.Ready{When: topology.ReadyAfter, After: after}
}

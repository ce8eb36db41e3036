package compose

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// labKey is the one extension of Compose's that this package reads.
const labKey = "x-lab"

// defaultLimit bounds the run of a lab that does not say; leastLimit is the
// least that a lab may say.
const (
	defaultLimit = 60 * time.Second
	leastLimit   = time.Second
)

// An experiment is what stands under x-lab at the top of the file.
type experiment struct {
	name, question, server string
	port                   uint16
	clients, claims        []string
	limit                  time.Duration
}

// An addition is what stands under x-lab in a service.
type addition struct {
	masquerade   []string
	captureAfter time.Duration
}

func readExperiment(value any, name string, r *report) experiment {
	f := fieldsOf(value, key{labKey}, r)
	f.allow("claims", "clients", "limit", "name", "port", "question", "server")
	e := experiment{
		name: name, question: f.text("question"), server: f.text("server"), port: f.port("port"),
		clients: f.names("clients"), claims: f.names("claims"), limit: defaultLimit,
	}
	if f.has("name") {
		e.name = f.text("name")
		if !r.blames(f.at.to("name")) {
			checkName(e.name, f.at.to("name"), r)
		}
	}
	if f.has("limit") {
		e.limit = f.duration("limit", leastLimit)
	}
	return e
}

// yaml is the experiment with its defaults filled in.
func (e experiment) yaml() map[string]any {
	file := map[string]any{"name": e.name, "limit": e.limit.String()}
	for name, text := range map[string]string{"question": e.question, "server": e.server} {
		if text != "" {
			file[name] = text
		}
	}
	if e.port != 0 {
		file["port"] = int(e.port)
	}
	for name, list := range map[string][]string{"clients": e.clients, "claims": e.claims} {
		if len(list) > 0 {
			file[name] = anyList(list)
		}
	}
	return file
}

func readAddition(value any, k key, r *report) addition {
	f := fieldsOf(value, k, r)
	f.allow("capture-after", "masquerade")
	a := addition{masquerade: f.names("masquerade")}
	if f.has("capture-after") {
		a.captureAfter = f.duration("capture-after", 0)
	}
	return a
}

func (a addition) yaml() map[string]any {
	file := make(map[string]any)
	if len(a.masquerade) > 0 {
		file["masquerade"] = anyList(a.masquerade)
	}
	if a.captureAfter > 0 {
		file["capture-after"] = a.captureAfter.String()
	}
	return file
}

func anyList(list []string) []any {
	values := make([]any, len(list))
	for i, text := range list {
		values[i] = text
	}
	return values
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

// port takes text, too: that is what a variable makes of a number.
func (f fields) port(name string) uint16 {
	var text string
	switch value := f.values[name].(type) {
	case nil:
		return 0
	case int:
		text = strconv.Itoa(value)
	case string:
		text = value
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		f.refuse(name, "it must be a port, a number from 1 to 65535")
	}
	return uint16(port)
}

func (f fields) names(name string) []string {
	list, ok := f.values[name].([]any)
	if !ok && f.has(name) {
		f.refuse(name, "it must be a list")
	}
	var names []string
	for _, value := range list {
		text, ok := value.(string)
		switch {
		case !ok || text == "":
			f.refuse(name, "it must be a list of names")
		case slices.Contains(names, text):
			f.r.add(f.at.to(name, text), "it is named twice; remove one")
		default:
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

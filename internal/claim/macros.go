package claim

import (
	_ "embed"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

//go:embed macros.yaml
var macrosFile []byte

// A macro is a claim with parameters, in the language itself.
type macro struct {
	doc  string
	keys map[string]any
}

// macros are all by name.
var macros = readMacros()

// readMacros reads the file of macros, which is part of the program.
func readMacros() map[string]macro {
	var file map[string]map[string]any
	if err := yaml.Unmarshal(macrosFile, &file); err != nil {
		panic("macros.yaml: " + err.Error())
	}
	all := make(map[string]macro)
	for name, keys := range file {
		doc, _ := keys["doc"].(string)
		delete(keys, "doc")
		all[name] = macro{doc, keys}
	}
	return all
}

func macroNames() []string { return slices.Sorted(maps.Keys(macros)) }

// macroKeys are what a macro takes.
var macroKeys = []string{"of", "clients", "says", "expect", "at"}

// macro reads a claim that is a macro with parameters.
func (k *keys) macro(s *statement, m macro) {
	s.key = s.name
	fine := true
	for _, key := range slices.Sorted(maps.Keys(k.values)) {
		if !slices.Contains(macroKeys, key) {
			k.fault(key, "%s has no such parameter%s", s.name, meant(key, macroKeys))
			fine = false
		}
	}
	host, port, ok := k.endpoint(s.name)
	clients, known := k.clients()
	if !fine || !ok || !known {
		return
	}
	replace := strings.NewReplacer("${host}", host, "${port}", strconv.Itoa(port), "${clients}", strconv.Itoa(clients), "${two}", strconv.Itoa(max(clients, 2)))
	values := expand(m.keys, replace).(map[string]any)
	for _, key := range []string{"says", "expect", "at"} {
		if value, given := k.values[key]; given {
			values[key] = value
		}
	}
	// What the macro says may be wrong of this host, as a host without programs
	// has no open files: the parameter is to blame.
	inner := &keys{reader: &reader{lab: k.lab, snapshots: k.snapshots}, at: k.at, values: values}
	inner.statement(s)
	s.key = s.name
	for _, f := range inner.faults {
		key := "of"
		if last := f.Key[len(k.at):]; len(last) > 0 && slices.Contains([]string{"says", "expect", "at"}, last[0]) {
			k.faults = append(k.faults, f)
			continue
		}
		k.fault(key, "%s", f.Reason)
	}
}

// endpoint reads the parameter of: HOST:PORT.
func (k *keys) endpoint(name string) (host string, port int, ok bool) {
	value, given := k.values["of"]
	if !given {
		k.fault("", "%s needs of: the host and its port, as %s", name, k.exampleEndpoint())
		return "", 0, false
	}
	text, _ := value.(string)
	host, after, found := cutLast(text, ":")
	port, err := strconv.Atoi(after)
	if !found || err != nil || port < 1 || port > 65535 {
		k.fault("of", "it must be a host and its port, as %s", k.exampleEndpoint())
		return "", 0, false
	}
	if _, known := k.lab.Host(host); !known {
		k.fault("of", "there is no host %s%s", host, meant(host, k.lab.HostNames()))
		return "", 0, false
	}
	return host, port, true
}

func (k *keys) exampleEndpoint() string {
	if len(k.lab.Hosts) == 0 {
		return "HOST:12000"
	}
	return k.lab.Hosts[len(k.lab.Hosts)-1].Name + ":12000"
}

// clients reads how many connections there must be: as many as the lab has
// clients, or one.
func (k *keys) clients() (n int, ok bool) {
	value, given := k.values["clients"]
	if !given {
		return max(len(k.lab.Clients), 1), true
	}
	if n, ok = wholeNumber(value); !ok || n < 1 {
		k.fault("clients", "it must be how many connections there are at least, 1 or more")
		return 0, false
	}
	return n, true
}

// expand replaces parameters in all texts of a value.
func expand(value any, replace *strings.Replacer) any {
	switch v := value.(type) {
	case string:
		return replace.Replace(v)
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = expand(v[i], replace)
		}
		return list
	case map[string]any:
		all := make(map[string]any, len(v))
		for key := range v {
			all[key] = expand(v[key], replace)
		}
		return all
	}
	return value
}

package compose

import (
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/template"
	"go.yaml.in/yaml/v3"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// A value is what stands under x-lab at a key. It is read strictly: what it
// cannot be read as is reported, once.
type value struct {
	*node
	at key
	r  *report
}

// refuse reports what is wrong with the value.
func (v value) refuse(format string, args ...any) { v.r.addAt(v.place(), v.at, format, args...) }

// refuseName reports what is wrong with the key that the value has.
func (v value) refuseName(format string, args ...any) { v.r.addAt(v.named, v.at, format, args...) }

// values are those of a mapping or list, in the file's order.
func (v value) values() []value {
	all := make([]value, len(v.entries))
	for i, entry := range v.entries {
		all[i] = value{entry, v.at.to(entry.name), v.r}
	}
	return all
}

func (v value) isMapping() bool { return v.Kind == yaml.MappingNode }
func (v value) isList() bool    { return v.Kind == yaml.SequenceNode }

// text is a value of one word or more, with variables replaced. What YAML would
// take for a number or a truth is the text that it is written as.
func (v value) text() string {
	if v.Kind != yaml.ScalarNode {
		v.refuse("it must be text")
		return ""
	}
	// Whatever can be wrong with a variable was reported for all files at once.
	text, err := template.Substitute(v.Value, func(name string) (string, bool) {
		value, ok := v.r.environment[name]
		return value, ok
	})
	if err != nil {
		v.refuse("%v", err)
	}
	return text
}

// fields calls the reader of each key of a mapping, and refuses keys that have
// none.
func (v value) fields(readers map[string]func(value)) {
	if !v.isMapping() {
		v.refuse("it must be a mapping")
		return
	}
	for _, field := range v.values() {
		if read, ok := readers[field.name]; ok {
			read(field)
		} else {
			field.refuseName("there is no such key here%s", suggest(field.name, readers))
		}
	}
}

// said reads text in several languages, or in English alone.
func (v value) said() (text topology.Text) {
	if v.Kind == yaml.ScalarNode {
		return topology.Text{EN: strings.TrimSpace(v.text())}
	}
	if !v.isMapping() {
		v.refuse("it must be text, or a mapping of languages to text, as {en: …, ko: …}")
		return text
	}
	v.fields(map[string]func(value){
		"en": func(v value) { text.EN = strings.TrimSpace(v.text()) },
		"ko": func(v value) { text.KO = strings.TrimSpace(v.text()) },
	})
	return text
}

// names reads a list of different names.
func (v value) names() []string {
	if !v.isList() {
		v.refuse("it must be a list")
	}
	var names []string
	seen := make(map[string]bool)
	for _, entry := range v.values() {
		if !v.isList() || entry.Kind != yaml.ScalarNode || entry.Value == "" {
			v.refuse("it must be a list of names")
			return nil
		}
		name := entry.text()
		entry.at = v.at.to(name)
		if seen[name] {
			entry.refuse("it is named twice; remove one")
			continue
		}
		seen[name] = true
		names = append(names, name)
	}
	return names
}

func (v value) duration(least time.Duration) time.Duration {
	duration, err := time.ParseDuration(v.Value)
	if v.Kind == yaml.ScalarNode {
		duration, err = time.ParseDuration(v.text())
	}
	if err != nil || duration < least {
		v.refuse("it must be a duration such as 30s or 2m, and at least %s", least)
	}
	return duration
}

// plain is the value as JSON has it. Numbers that are not whole stay text.
func (v value) plain() any {
	switch v.Kind {
	case yaml.MappingNode:
		plain := make(map[string]any, len(v.entries))
		for _, entry := range v.values() {
			plain[entry.name] = entry.plain()
		}
		return plain
	case yaml.SequenceNode:
		plain := make([]any, len(v.entries))
		for i, entry := range v.values() {
			plain[i] = entry.plain()
		}
		return plain
	}
	switch v.ShortTag() {
	case "!!bool":
		return strings.EqualFold(v.Value, "true")
	case "!!int":
		if n, err := strconv.Atoi(v.Value); err == nil {
			return n
		}
	}
	return v.text()
}

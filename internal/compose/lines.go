package compose

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// lines knows on which lines a Compose file's keys are written. The loader
// itself keeps no lines once it has read the YAML.
type lines struct {
	root *yaml.Node // nil: no lines are known
	// entries are those of the mappings and lists that were asked for.
	entries map[*yaml.Node]map[string]entry
}

// An entry is one of a mapping or of a list.
type entry struct {
	value *yaml.Node
	line  int
}

// of is where the key is written, or the innermost of its parents that is.
func (l *lines) of(k key) int {
	if l.root == nil {
		return 0
	}
	at := entry{l.root, l.root.Line}
	for _, name := range k {
		next, ok := l.entriesOf(target(at.value))[name]
		if !ok {
			break
		}
		at = next
	}
	return at.line
}

// entriesOf are a node's entries by the names that keys have for them.
func (l *lines) entriesOf(node *yaml.Node) map[string]entry {
	if known, ok := l.entries[node]; ok {
		return known
	}
	entries := make(map[string]entry)
	if l.entries == nil {
		l.entries = make(map[*yaml.Node]map[string]entry)
	}
	l.entries[node] = entries // before its merges, which may come back to it
	switch node.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			addNew(entries, node.Content[i].Value, entry{node.Content[i+1], node.Content[i].Line})
		}
		l.merge(entries, node)
	case yaml.SequenceNode:
		for i, value := range node.Content {
			e := entry{value, value.Line}
			entries["["+strconv.Itoa(i)+"]"] = e
			// Compose lets a list stand for a mapping: "NAME", "NAME=value".
			text := target(value).Value
			addNew(entries, text, e)
			if end := strings.IndexAny(text, "=:"); end >= 0 {
				addNew(entries, text[:end], e)
			}
		}
	}
	return entries
}

// merge adds what a mapping merges and does not have itself, the first first:
// https://yaml.org/type/merge.html.
func (l *lines) merge(entries map[string]entry, mapping *yaml.Node) {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value != "<<" {
			continue
		}
		sources := []*yaml.Node{target(mapping.Content[i+1])}
		if sources[0].Kind == yaml.SequenceNode {
			sources = sources[0].Content
		}
		for _, source := range sources {
			if source = target(source); source.Kind == yaml.MappingNode {
				for name, e := range l.entriesOf(source) {
					addNew(entries, name, e)
				}
			}
		}
	}
}

func addNew(entries map[string]entry, name string, e entry) {
	if _, ok := entries[name]; !ok {
		entries[name] = e
	}
}

func target(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

package compose

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// A place is where something is written: a line and a column from 1, in
// characters. Both are 0 where no place is known.
type place struct {
	file         string
	line, column int
}

// A node is a value of the lab's files, which are one tree here, as Compose
// merges them: without aliases and merges, and with later files' values over
// earlier ones'. The loader itself keeps no places once it has read the YAML,
// nor the order of keys.
type node struct {
	*yaml.Node
	name    string  // the key that it is the value of, or "[2]" in a list
	named   place   // where the key is written
	begins  place   // where the value is written
	entries []*node // of a mapping or a list
}

// flatten makes a tree of a file's YAML, in which no alias may stand for itself.
func flatten(file string, y *yaml.Node) *node {
	y = target(y)
	n := &node{Node: y, begins: place{file, y.Line, y.Column}}
	n.named = n.begins
	switch y.Kind {
	case yaml.SequenceNode:
		for i, item := range y.Content {
			entry := flatten(file, item)
			entry.name = index(i)
			n.entries = append(n.entries, entry)
		}
	case yaml.MappingNode:
		n.flattenMapping(file)
	}
	return n
}

// flattenMapping adds what a mapping has itself, and then what it merges and
// does not have, the first first: https://yaml.org/type/merge.html.
func (n *node) flattenMapping(file string) {
	there := make(map[string]bool)
	add := func(entry *node) {
		if !there[entry.name] {
			there[entry.name] = true
			n.entries = append(n.entries, entry)
		}
	}
	var merged []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		if name.ShortTag() == "!!merge" {
			if value = target(value); value.Kind == yaml.SequenceNode {
				merged = append(merged, value.Content...)
			} else {
				merged = append(merged, value)
			}
			continue
		}
		entry := flatten(file, value)
		entry.name, entry.named = target(name).Value, place{file, name.Line, name.Column}
		add(entry)
	}
	for _, source := range merged {
		for _, entry := range flatten(file, source).entries {
			add(entry)
		}
	}
}

func target(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

func index(i int) string { return "[" + strconv.Itoa(i) + "]" }

// overrideTag has a list replace that of an earlier file, as in Compose.
const overrideTag = "!override"

// overlay puts a later file over an earlier one. Mappings are merged, and of
// other values the later counts, of lists too. The steps of a lab alone are added
// to the earlier ones, unless their tag is overrideTag.
//
// What Compose makes of lists in services and networks differs from key to key.
// Values outside x-lab are the loader's, and of their lists only the place is
// asked here: in the later file if it is there.
func (n *node) overlay(later *node, k key) *node {
	switch {
	case n.Kind == yaml.MappingNode && later.Kind == yaml.MappingNode:
		numbers := make(map[string]int, len(n.entries))
		for i, entry := range n.entries {
			numbers[entry.name] = i
		}
		for _, entry := range later.entries {
			if i, ok := numbers[entry.name]; ok {
				n.entries[i] = n.entries[i].overlay(entry, k.to(entry.name))
			} else {
				n.entries = append(n.entries, entry)
			}
		}
		return n
	case n.Kind == yaml.SequenceNode && later.Kind == yaml.SequenceNode && later.Tag != overrideTag && (slices.Equal(k, stepsKey) || !slices.Contains(k, labKey)):
		for _, entry := range later.entries {
			entry.name = index(len(n.entries))
			n.entries = append(n.entries, entry)
		}
		return n
	}
	return later
}

// find follows a key. It returns the innermost node of those that are there, and
// whether that is the key's.
func (n *node) find(k key) (found *node, ok bool) {
	for _, name := range k {
		next := n.entry(name)
		if next == nil {
			return n, false
		}
		n = next
	}
	return n, true
}

// entry is the one of that name; nil if there is none. Compose lets a list stand
// for a mapping: "NAME", "NAME=value".
func (n *node) entry(name string) *node {
	for _, entry := range n.entries {
		if entry.name == name {
			return entry
		}
	}
	if n.Kind == yaml.SequenceNode {
		for _, entry := range n.entries {
			text := entry.Value
			if end := strings.IndexAny(text, "=:"); text == name || end >= 0 && text[:end] == name {
				return entry
			}
		}
	}
	return nil
}

// place is where the value is written, and of a mapping or a list in a mapping
// where its key is.
func (n *node) place() place {
	if n.Kind == yaml.ScalarNode && n.Tag != "!!null" {
		return n.begins
	}
	return n.named
}

// inside is the place of what stands so many bytes behind the beginning of the
// value's text, where the file has that text as it is: on one line, quoted or
// not, or in a literal block. Else it is the value's.
func (n *node) inside(offset int, lines []string) place {
	p := n.begins
	if n.Kind != yaml.ScalarNode || offset < 0 || offset > len(n.Value) || p.line < 1 || p.line > len(lines) {
		return n.place()
	}
	switch {
	case n.Style&yaml.FoldedStyle != 0 || strings.Contains(n.Value, "$"): // which may be a variable
		return p
	case n.Style&yaml.LiteralStyle != 0:
		return n.insideLiteral(offset, lines)
	}
	if width, ok := width(from(lines[p.line-1], p.column), n.Value[:offset]); ok {
		p.column += width
	}
	return p
}

// from is the rest of a line from a column on.
func from(line string, column int) string {
	for range column - 1 {
		_, size := utf8.DecodeRuneInString(line)
		line = line[size:]
	}
	return line
}

// width is how many characters of a line its value's first part takes, with the
// quotation mark before it. It is not ok if the line has another text there, as
// where the value goes on in the next line.
func width(line, value string) (int, bool) {
	var same map[string]string // what stands in quotes for something else
	quote := ""
	switch {
	case strings.HasPrefix(line, "'"):
		quote, same = "'", map[string]string{"''": "'"}
	case strings.HasPrefix(line, `"`):
		quote, same = `"`, map[string]string{`\"`: `"`, `\\`: `\`, `\/`: "/", `\t`: "\t", `\n`: "\n"}
	}
	line = line[len(quote):]
	width := len(quote)
	for value != "" {
		_, size := utf8.DecodeRuneInString(line)
		characters := 1
		text := line[:size]
		if len(line) > 1 {
			if meant, ok := same[line[:2]]; ok {
				text, size, characters = meant, 2, 2
			}
		}
		if text == "" || !strings.HasPrefix(value, text) {
			return 0, false
		}
		line, value, width = line[size:], value[len(text):], width+characters
	}
	return width, true
}

// insideLiteral is inside of a literal block: its lines follow the one with the
// bar, indented.
func (n *node) insideLiteral(offset int, lines []string) place {
	texts := strings.Split(n.Value, "\n")
	number := strings.Count(n.Value[:offset], "\n")
	before := n.Value[strings.LastIndex(n.Value[:offset], "\n")+1 : offset]
	at := n.begins.line + number // the index of the line after the bar, and so on
	if at >= len(lines) || !strings.HasSuffix(lines[at], texts[number]) {
		return n.begins
	}
	indent := len(lines[at]) - len(texts[number])
	if strings.TrimLeft(lines[at][:indent], " ") != "" {
		return n.begins
	}
	return place{n.begins.file, at + 1, indent + utf8.RuneCountInString(before) + 1}
}

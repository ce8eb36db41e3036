package compose

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// positions knows on which lines a Compose file's keys are written. The loader
// itself keeps no lines once it has read the YAML.
type positions struct {
	root *yaml.Node // nil: no lines are known
}

var (
	errNotText        = errors.New("the line is not UTF-8 text")
	errEmpty          = errors.New("the file is empty; a lab has services and networks")
	errSecondDocument = errors.New("a second YAML document begins here; a lab is one document")
)

// readPositions reads the YAML; it wants exactly one document. The line is 0
// if the error has none.
func readPositions(data []byte) (at positions, line int, err error) {
	if line := invalidLine(data); line > 0 {
		return positions{}, line, errNotText
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document, second yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		return positions{}, 0, errEmpty
	case err != nil:
		line, err = syntaxError(err, data)
		return positions{}, line, err
	}
	switch err := decoder.Decode(&second); {
	case err == nil:
		return positions{}, second.Line, errSecondDocument
	case !errors.Is(err, io.EOF):
		line, err = syntaxError(err, data)
		return positions{}, line, err
	}
	return positions{root: document.Content[0]}, 0, nil
}

// invalidLine is the first line that is no UTF-8, or 0.
func invalidLine(data []byte) int {
	line := 0
	for text := range bytes.Lines(data) {
		line++
		if !utf8.Valid(text) {
			return line
		}
	}
	return 0
}

var unknownAnchor = regexp.MustCompile(`unknown anchor '(.+)' referenced`)

// syntaxError finds the line of an error that the YAML library knows none for.
func syntaxError(err error, data []byte) (int, error) {
	if m := unknownAnchor.FindStringSubmatch(err.Error()); m != nil {
		before, _, _ := bytes.Cut(data, []byte("*"+m[1]))
		return 1 + bytes.Count(before, []byte("\n")), fmt.Errorf("no anchor is called %q; name one as &%s", m[1], m[1])
	}
	return splitLine(err)
}

// splitLine takes the line out of a YAML error: "yaml: line 3: did not find…".
func splitLine(err error) (int, error) {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	number, rest, found := strings.Cut(strings.TrimPrefix(text, "line "), ": ")
	line, notNumber := strconv.Atoi(number)
	if !found || notNumber != nil {
		return 0, errors.New(text)
	}
	return line, errors.New(rest)
}

// line is where the key is written, or the innermost of its parents that is.
func (p positions) line(k key) int {
	if p.root == nil {
		return 0
	}
	node, line := p.root, p.root.Line
	for _, name := range k {
		next, at, ok := child(node, name)
		if !ok {
			break
		}
		node, line = next, at
	}
	return line
}

func child(node *yaml.Node, name string) (value *yaml.Node, line int, ok bool) {
	node = target(node)
	switch node.Kind {
	case yaml.MappingNode:
		return entry(node, name, make(map[*yaml.Node]bool))
	case yaml.SequenceNode:
		return item(node, name)
	}
	return nil, 0, false
}

func target(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

// entry finds a mapping's own entry first, and else the first of those merged
// in: https://yaml.org/type/merge.html. It asks every mapping once, as one may
// be merged by many ways.
func entry(mapping *yaml.Node, name string, asked map[*yaml.Node]bool) (*yaml.Node, int, bool) {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == name {
			return mapping.Content[i+1], mapping.Content[i].Line, true
		}
	}
	asked[mapping] = true
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value != "<<" {
			continue
		}
		for _, source := range mergeSources(mapping.Content[i+1]) {
			if source.Kind != yaml.MappingNode || asked[source] {
				continue
			}
			if value, line, ok := entry(source, name, asked); ok {
				return value, line, true
			}
		}
	}
	return nil, 0, false
}

func mergeSources(value *yaml.Node) []*yaml.Node {
	value = target(value)
	if value.Kind != yaml.SequenceNode {
		return []*yaml.Node{value}
	}
	var sources []*yaml.Node
	for _, source := range value.Content {
		sources = append(sources, target(source))
	}
	return sources
}

// item finds a list's entry by index, "[2]", or, since Compose lets a list
// stand for a mapping, by the name it begins with: "NAME", "NAME=value".
func item(sequence *yaml.Node, name string) (*yaml.Node, int, bool) {
	for i, value := range sequence.Content {
		text := target(value).Value
		if name == fmt.Sprintf("[%d]", i) || text == name || strings.HasPrefix(text, name+"=") || strings.HasPrefix(text, name+":") {
			return value, value.Line, true
		}
	}
	return nil, 0, false
}

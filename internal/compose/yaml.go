package compose

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/compose-spec/compose-go/v2/template"
	"go.yaml.in/yaml/v3"
)

// readNodes reads the YAML; it wants exactly one document. The place of an error
// names no file, and no line if it has none.
func readNodes(data []byte) (root *yaml.Node, at place, err error) {
	for text := range bytes.Lines(data) {
		at.line++
		if !utf8.Valid(text) {
			return nil, at, errors.New("the line is not UTF-8 text")
		}
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document, second yaml.Node
	if err = decoder.Decode(&document); errors.Is(err, io.EOF) {
		return nil, place{}, errors.New("the file is empty; a lab has x-lab, services and networks")
	}
	if err == nil {
		if err = decoder.Decode(&second); err == nil {
			return nil, place{line: second.Line}, errors.New("a second YAML document begins here; a lab is one document")
		}
	}
	if !errors.Is(err, io.EOF) {
		at, err = syntaxError(err, data)
		return nil, at, err
	}
	return document.Content[0], place{}, nil
}

// checkAliases has the library refuse aliases that stand for themselves or for
// too much, which it does where it reads values. The loader does not return
// from the former.
func checkAliases(root *yaml.Node, f File, r *report) {
	var values any
	if err := root.Decode(&values); err != nil {
		at, reason := syntaxError(err, f.Text)
		at.file = f.Path
		r.addAt(at, nil, "%v", reason)
	}
}

// walk visits every node with the key that it is the value of.
func walk(node *yaml.Node, k key, visit func(*yaml.Node, key)) {
	visit(node, k)
	for i, value := range node.Content {
		switch {
		case node.Kind == yaml.SequenceNode:
			walk(value, k.to(index(i)), visit)
		case node.Kind == yaml.MappingNode && i%2 == 1:
			walk(value, k.to(node.Content[i-1].Value), visit)
		}
	}
}

// maxKeys is how many keys a mapping may have: twice the clients that there are
// addresses for would fit. The loader compares each key with all before it.
const maxKeys = 5000

// checkNodes refuses mappings that are too large, and every variable that the
// environment lacks. Compose warns of such a variable and puts nothing in its
// place, and a lab with a hole where an address should be is not the lab that was
// asked for.
func checkNodes(root *yaml.Node, file string, r *report) {
	walk(root, nil, func(node *yaml.Node, k key) {
		at := place{file, node.Line, node.Column}
		switch {
		case node.Kind == yaml.MappingNode && len(node.Content)/2 > maxKeys:
			r.addAt(at, k, "it has %d keys, and the most that are read is %d; remove what is not needed", len(node.Content)/2, maxKeys)
		case node.Kind == yaml.ScalarNode:
			if err := checkScalar(node.Value, r.environment); err != nil {
				r.addAt(at, k, "%v", err)
			}
		}
	})
}

// checkLost refuses under x-lab where YAML loses text: a tag, as "!ok" is one,
// and a key without a value, as there are two in "{send a, b}". The one tag that
// there may be is overrideTag, of a list.
func (r *report) checkLost(n *node, k key) {
	switch {
	case !slices.Contains(k, labKey):
	case n.Style&yaml.TaggedStyle != 0 && (n.Tag != overrideTag || n.Kind != yaml.SequenceNode):
		r.addAt(n.begins, k, "YAML takes %s for a tag and not for text; put the whole value in quotes", n.Tag)
	case n.Tag == "!!null":
		r.addAt(n.named, k, "it has no value; give it one, and put text with commas or colons in quotes")
	}
	for _, entry := range n.entries {
		r.checkLost(entry, k.to(entry.name))
	}
}

// bare matches a variable without a default, outside of "$$".
var bare = regexp.MustCompile(`\$(?:([_a-zA-Z][_a-zA-Z0-9]*)|\{([_a-zA-Z][_a-zA-Z0-9]*)\})`)

func checkScalar(text string, environment map[string]string) error {
	if strings.ContainsRune(text, 0) {
		return errors.New("it has a NUL character, which no program can be given")
	}
	if !strings.Contains(text, "$") {
		return nil
	}
	missing := make(map[string]bool)
	_, err := template.Substitute(text, func(name string) (string, bool) {
		value, ok := environment[name]
		missing[name] = !ok
		return value, ok
	})
	var invalid *template.InvalidTemplateError
	if errors.As(err, &invalid) {
		return fmt.Errorf("%q is no variable; write $$ for a dollar sign", text)
	}
	if err != nil {
		return err
	}
	for _, match := range bare.FindAllStringSubmatch(strings.ReplaceAll(text, "$$", ""), -1) {
		if name := match[1] + match[2]; missing[name] {
			return fmt.Errorf("the variable %s is not set; set it, or give a default: ${%s:-…}", name, name)
		}
	}
	return nil
}

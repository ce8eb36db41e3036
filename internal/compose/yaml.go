package compose

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/compose-spec/compose-go/v2/template"
	"go.yaml.in/yaml/v3"
)

// readNodes reads the YAML; it wants exactly one document. The line is 0 if the
// error has none.
func readNodes(data []byte) (root *yaml.Node, line int, err error) {
	for text := range bytes.Lines(data) {
		line++
		if !utf8.Valid(text) {
			return nil, line, errors.New("the line is not UTF-8 text")
		}
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document, second yaml.Node
	if err = decoder.Decode(&document); errors.Is(err, io.EOF) {
		return nil, 0, errors.New("the file is empty; a lab has x-lab, services and networks")
	}
	if err == nil {
		if err = decoder.Decode(&second); err == nil {
			return nil, second.Line, errors.New("a second YAML document begins here; a lab is one document")
		}
	}
	if !errors.Is(err, io.EOF) {
		line, err = syntaxError(err, data)
		return nil, line, err
	}
	return document.Content[0], 0, nil
}

var (
	ofAnchor = regexp.MustCompile(`anchor '(.+)'`)
	atLine   = regexp.MustCompile(`\bline (\d+): (.*)`)
)

// syntaxError takes the line out of an error of the YAML library's.
func syntaxError(err error, data []byte) (line int, reason error) {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if m := ofAnchor.FindStringSubmatch(text); m != nil {
		before, _, _ := bytes.Cut(data, []byte("*"+m[1]))
		return 1 + bytes.Count(before, []byte("\n")), errors.New(text)
	}
	if m := atLine.FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1])
		text = m[2]
	}
	// The library reports some lines by their index.
	all := bytes.Split(data, []byte("\n"))
	for number := max(line, 1); number <= min(line+1, len(all)) && strings.Contains(text, "cannot start any token"); number++ {
		if content := bytes.TrimLeft(all[number-1], " "); bytes.HasPrefix(content, []byte("\t")) {
			return number, errors.New("a tab cannot stand here; YAML is indented with spaces")
		}
	}
	return line, errors.New(text)
}

// checkAliases has the library refuse aliases that stand for themselves or for
// too much, which it does where it reads values. The loader does not return
// from the former.
func checkAliases(root *yaml.Node, data []byte, r *report) {
	var values any
	if err := root.Decode(&values); err != nil {
		line, reason := syntaxError(err, data)
		r.addAt(line, nil, "%v", reason)
	}
}

// walk visits every node with the key that it is the value of.
func walk(node *yaml.Node, k key, visit func(*yaml.Node, key)) {
	visit(node, k)
	for i, value := range node.Content {
		switch {
		case node.Kind == yaml.SequenceNode:
			walk(value, k.to("["+strconv.Itoa(i)+"]"), visit)
		case node.Kind == yaml.MappingNode && i%2 == 1:
			walk(value, k.to(node.Content[i-1].Value), visit)
		}
	}
}

// maxKeys is how many keys a mapping may have: twice the clients that there are
// addresses for would fit. The loader compares each key with all before it.
const maxKeys = 5000

// checkNodes refuses what cannot be read as it was meant: mappings that are too
// large; under x-lab a tag, as "!ok" is one, and a key without a value, as there
// are two in "{send a, b}"; and every variable that the environment lacks.
// Compose warns of such a variable and puts nothing in its place, and a lab with
// a hole where an address should be is not the lab that was asked for.
func checkNodes(root *yaml.Node, environment map[string]string, r *report) {
	walk(root, nil, func(node *yaml.Node, k key) {
		ours := slices.Contains(k, labKey)
		switch {
		case node.Kind == yaml.MappingNode && len(node.Content)/2 > maxKeys:
			r.addAt(node.Line, k, "it has %d keys, and the most that are read is %d; remove what is not needed", len(node.Content)/2, maxKeys)
		case ours && node.Style&yaml.TaggedStyle != 0:
			r.addAt(node.Line, k, "YAML takes %s for a tag and not for text; put the whole value in quotes", node.Tag)
		case ours && node.Tag == "!!null":
			r.addAt(node.Line, k, "it has no value; give it one, and put text with commas or colons in quotes")
		case node.Kind == yaml.ScalarNode:
			if err := checkScalar(node.Value, environment); err != nil {
				r.addAt(node.Line, k, "%v", err)
			}
		}
	})
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

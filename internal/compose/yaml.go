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

var (
	errNotText        = errors.New("the line is not UTF-8 text")
	errEmpty          = errors.New("the file is empty; a lab has x-lab, services and networks")
	errSecondDocument = errors.New("a second YAML document begins here; a lab is one document")
	errTab            = errors.New("a tab cannot stand here; YAML is indented with spaces")
)

// readNodes reads the YAML; it wants exactly one document. The line is 0 if the
// error has none.
func readNodes(data []byte) (root *yaml.Node, line int, err error) {
	for text := range bytes.Lines(data) {
		line++
		if !utf8.Valid(text) {
			return nil, line, errNotText
		}
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document, second yaml.Node
	err = decoder.Decode(&document)
	if errors.Is(err, io.EOF) {
		return nil, 0, errEmpty
	}
	if err == nil {
		if err = decoder.Decode(&second); err == nil {
			return nil, second.Line, errSecondDocument
		}
	}
	if !errors.Is(err, io.EOF) {
		line, err = syntaxError(err, data)
		return nil, line, err
	}
	return document.Content[0], 0, nil
}

var unknownAnchor = regexp.MustCompile(`unknown anchor '(.+)' referenced`)

// syntaxError says what the YAML library says in words and with the line.
func syntaxError(err error, data []byte) (int, error) {
	if m := unknownAnchor.FindStringSubmatch(err.Error()); m != nil {
		before, _, _ := bytes.Cut(data, []byte("*"+m[1]))
		return 1 + bytes.Count(before, []byte("\n")), fmt.Errorf("no anchor is called %q; name one as &%s", m[1], m[1])
	}
	line, err := splitLine(err)
	// The library reports some lines by their index.
	all := bytes.Split(data, []byte("\n"))
	for number := max(line, 1); number <= min(line+1, len(all)) && strings.Contains(err.Error(), "cannot start any token"); number++ {
		text := all[number-1]
		if indent := text[:len(text)-len(bytes.TrimLeft(text, " \t"))]; bytes.ContainsRune(indent, '\t') {
			return number, errTab
		}
	}
	return line, err
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

// maxAliased is how many nodes a file's aliases may add to those that are
// written in it. The loader copies what an alias stands for, so a few lines of
// aliases of aliases would keep it busy for ever.
const maxAliased = 100_000

// checkAliases refuses aliases that lead back to where they are, on which the
// loader does not return, and those that stand for too much.
func checkAliases(root *yaml.Node, r *report) {
	const enough = 1 << 40 // beyond every limit and far from an overflow
	sizes := make(map[*yaml.Node]int)
	open := make(map[*yaml.Node]bool)
	written := 0
	var size func(*yaml.Node) int // what a node is when all in it is written out
	size = func(node *yaml.Node) int {
		if node.Kind == yaml.AliasNode {
			if open[node.Alias] {
				r.addAt(node.Line, nil, "the alias *%s stands within what it stands for", node.Value)
				return 1
			}
			return size(node.Alias)
		}
		if known, ok := sizes[node]; ok {
			return known
		}
		written++
		open[node] = true
		whole := 1
		for _, part := range node.Content {
			whole = min(whole+size(part), enough)
		}
		delete(open, node)
		sizes[node] = whole
		return whole
	}
	if whole := size(root); r.empty() && whole > written+maxAliased {
		r.addAt(0, nil, "the aliases stand for more than %d entries; write less with them", maxAliased)
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

func checkSize(root *yaml.Node, r *report) {
	walk(root, nil, func(node *yaml.Node, k key) {
		if keys := len(node.Content) / 2; node.Kind == yaml.MappingNode && keys > maxKeys {
			r.addAt(node.Line, k, "it has %d keys, and the most that are read is %d; remove what is not needed", keys, maxKeys)
		}
	})
}

// checkVariables reports, where it is written, every variable that the
// environment lacks. Compose warns of it and puts nothing in its place, and a
// lab with a hole where an address should be is not the lab that was asked for.
func checkVariables(root *yaml.Node, environment map[string]string, r *report) {
	walk(root, nil, func(node *yaml.Node, k key) {
		if node.Kind != yaml.ScalarNode {
			return
		}
		if err := checkScalar(node.Value, environment); err != nil {
			r.addAt(node.Line, k, "%v", err)
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

// checkLost refuses, under x-lab, YAML that loses text without a word: a tag,
// as "!ok" is one, and a key without a value, as there are two in "{send a, b}".
func checkLost(root *yaml.Node, r *report) {
	walk(root, nil, func(node *yaml.Node, k key) {
		switch {
		case !slices.Contains(k, labKey):
		case node.Style&yaml.TaggedStyle != 0:
			r.addAt(node.Line, k, "YAML takes %s for a tag and not for text; put the whole value in quotes", node.Tag)
		case node.Kind == yaml.ScalarNode && node.Tag == "!!null":
			r.addAt(node.Line, k, "it has no value; give it one, and put text with commas or colons in quotes")
		}
	})
}

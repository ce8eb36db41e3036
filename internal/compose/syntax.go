package compose

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	yaml4 "go.yaml.in/yaml/v4"
)

var (
	ofAnchor = regexp.MustCompile(`anchor '(.+)'`)
	atLine   = regexp.MustCompile(`(?s)^.*\bline (\d+)(?:, column (\d+))?: (.*)`)
	ofText   = regexp.MustCompile(`while scanning a quoted scalar at line (\d+), column (\d+)`)
	ofKey    = regexp.MustCompile(`mapping key ("?.+"?) already defined at line \d+`)
)

// syntaxError says where in the file an error of the YAML library's is, and what
// to do. The library whose values are read knows no columns and often reports
// where the enclosing value begins, so its successor is asked as well.
func syntaxError(err error, data []byte) (at place, reason error) {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if m := ofAnchor.FindStringSubmatch(text); m != nil {
		before, _, found := bytes.Cut(data, []byte("*"+m[1]))
		at.line = 1 + bytes.Count(before, []byte("\n"))
		if found {
			at.column = len(before) - bytes.LastIndexByte(before, '\n')
		}
		if strings.HasPrefix(text, "unknown") {
			text = fmt.Sprintf("YAML takes *%s for an alias, and there is no anchor &%s; put text that begins with * in quotes", m[1], m[1])
		}
		return at, errors.New(text)
	}
	var n yaml4.Node
	if precise := yaml4.Unmarshal(data, &n); precise != nil && !strings.Contains(text, "could not find expected ':'") {
		text = strings.TrimPrefix(precise.Error(), "yaml: ")
	}
	context := text
	if m := atLine.FindStringSubmatch(text); m != nil {
		at.line, _ = strconv.Atoi(m[1])
		at.column, _ = strconv.Atoi(m[2])
		text = m[3]
	}
	if strings.HasPrefix(text, "did not find expected") {
		at.line++ // the parser counts lines from 0, the scanner does not
	}
	if m := ofText.FindStringSubmatch(context); m != nil && strings.Contains(text, "end of stream") {
		at.line, _ = strconv.Atoi(m[1])
		at.column, _ = strconv.Atoi(m[2])
	}
	lines := bytes.Split(data, []byte("\n"))
	at.line = min(at.line, len(lines))
	var line string
	if at.line > 0 {
		line = string(lines[at.line-1])
	}
	indent := len(line) - len(strings.TrimLeft(line, " "))
	switch {
	case strings.Contains(text, "cannot start any token") && strings.HasPrefix(line[indent:], "\t"):
		at.column = indent + 1
		text = "a tab cannot stand here; YAML is indented with spaces"
	case strings.Contains(text, "cannot start any token"):
		text = "no text begins with this character in YAML; put the whole value in quotes"
	case strings.HasPrefix(text, "did not find expected whitespace or line break"), strings.Contains(text, "YAML tag"):
		text = "a ! begins a tag in YAML, and no text; put the whole value in quotes"
	case strings.HasPrefix(text, "did not find expected ','"):
		text = "the text in {} or [] ends before this, and only a comma or a bracket may follow; put text with any of , : ? [ ] { } in quotes"
	case strings.HasPrefix(text, "mapping values are not allowed"):
		text = "a colon makes a key of what is before it, which cannot be one here; put text with colons in quotes, or mend the indentation"
	case strings.HasPrefix(text, "did not find expected key") && at.column == indent+1, strings.HasPrefix(text, "did not find expected '-'"):
		text = "it is not indented as what is above it"
	case strings.HasPrefix(text, "did not find expected key"):
		text = "the text in quotes ends before this, and nothing may follow; put the whole value in quotes, of the other kind if it has some"
	case strings.HasPrefix(text, "could not find expected ':'"):
		text = "a key has a colon after it, and here is none; give it one"
	case strings.HasPrefix(text, "did not find expected node content"):
		text = "there is no value here; give one, or close what was opened before"
	case strings.Contains(text, "unexpected end of stream"):
		text = "the text in quotes that begins here does not end; close it"
	}
	if m := ofKey.FindStringSubmatch(text); m != nil {
		at.column = 1 + max(strings.Index(line, strings.Trim(m[1], `"`)), 0)
		text += "; remove one"
	}
	return at, errors.New(text)
}

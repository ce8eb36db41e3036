package compose

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/compose-spec/compose-go/v2/template"
	"go.yaml.in/yaml/v3"
)

// bare matches a variable without a default, outside of "$$".
var bare = regexp.MustCompile(`\$(?:([_a-zA-Z][_a-zA-Z0-9]*)|\{([_a-zA-Z][_a-zA-Z0-9]*)\})`)

// checkVariables reports, where it is written, every variable that the
// environment lacks. Compose warns of it and puts nothing in its place, and a
// lab with a hole where an address should be is not the lab that was asked for.
func checkVariables(node *yaml.Node, k key, environment map[string]string, r *report) {
	switch node.Kind {
	case yaml.ScalarNode:
		if err := checkScalar(node.Value, environment); err != nil {
			r.addAt(node.Line, k, "%v", err)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			checkVariables(node.Content[i+1], k.to(node.Content[i].Value), environment, r)
		}
	case yaml.SequenceNode:
		for i, value := range node.Content {
			checkVariables(value, k.to(fmt.Sprintf("[%d]", i)), environment, r)
		}
	}
}

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

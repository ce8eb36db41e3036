package compose

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// printLab writes x-lab. Steps are left out where they are those that a lab has
// without saying so.
func printLab(lab *topology.Lab) (string, error) {
	var x block
	x.add("name", lab.Name)
	x.addText("question", lab.Question)
	x.addText("explanation", lab.Explanation)
	if len(lab.Clients) > 0 {
		x.addFlow("clients", lab.Clients)
	}
	if lab.Limit != defaultLimit {
		x.add("limit", lab.Limit.String())
	}
	if !reflect.DeepEqual(lab.Steps, topology.DefaultSteps(lab.Hosts)) {
		steps := &yaml.Node{Kind: yaml.SequenceNode}
		for _, step := range lab.Steps {
			steps.Content = append(steps.Content, printStep(step))
		}
		x.add("steps", steps)
	}
	if len(lab.Claims) > 0 {
		var claims block
		for _, claim := range lab.Claims {
			claims.add(claim.Name, claim.Keys)
		}
		x.add("claims", &claims.Node)
	}
	var top block
	top.add(labKey, &x.Node)
	var text bytes.Buffer
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	err := encoder.Encode(&top.Node)
	return text.String(), err
}

// printStep writes a step in the word that it was read from.
func printStep(step topology.Step) *yaml.Node {
	var b block
	word, on := string(step.Action), strings.Join(step.On, " ") // of most steps, one
	switch step.Action {
	case topology.Start, topology.Stop:
		if len(step.On) == 1 {
			b.add(word, on)
		} else {
			b.addFlow(word, step.On)
		}
	case topology.Type:
		b.addFlow(word, map[string]any{on: step.Line})
	case topology.Wait:
		b.addFlow(word, map[string]any{on + "." + step.Table: step.Where})
		if step.For > 0 {
			b.add("within", step.For.String())
		}
	case topology.Snapshot:
		b.add(word, step.Name)
	case topology.Signal:
		b.addFlow(word, map[string]any{on: strings.TrimPrefix(step.Signal, "SIG")})
	case topology.Cut, topology.Mend:
		b.addFlow(word, map[string]any{on: step.Subnets})
	case topology.Sleep:
		b.add(word, step.For.String())
	}
	return &b.Node
}

// A block is a mapping that is written in the order in which it is filled.
type block struct{ yaml.Node }

func (b *block) add(name string, value any) {
	b.Kind = yaml.MappingNode
	b.Content = append(b.Content, written(name), literally(value))
}

func (b *block) addFlow(name string, value any) {
	b.add(name, value)
	b.Content[len(b.Content)-1].Style = yaml.FlowStyle
}

func (b *block) addText(name string, text topology.Text) {
	switch {
	case text.KO != "":
		var both block
		both.add("en", text.EN)
		both.add("ko", text.KO)
		b.add(name, &both.Node)
	case text.EN != "":
		b.add(name, text.EN)
	}
}

// literally writes a value so that it is read again as it is: without variables,
// and text as text.
func literally(value any) *yaml.Node {
	switch value := value.(type) {
	case *yaml.Node:
		return value
	case string:
		return written(strings.ReplaceAll(value, "$", "$$"))
	case []string:
		list := &yaml.Node{Kind: yaml.SequenceNode}
		for _, item := range value {
			list.Content = append(list.Content, literally(item))
		}
		return list
	case []any:
		list := &yaml.Node{Kind: yaml.SequenceNode}
		for _, item := range value {
			list.Content = append(list.Content, literally(item))
		}
		return list
	case map[string]any:
		mapping := block{yaml.Node{Kind: yaml.MappingNode}}
		for _, name := range slices.Sorted(maps.Keys(value)) {
			mapping.add(name, value[name])
		}
		return &mapping.Node
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Value: fmt.Sprint(value)} // a number or a truth
}

// written is text, in lines of its own where it has several and these are no
// trouble to YAML.
func written(text string) *yaml.Node {
	node := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
	switch {
	case text == "<<" || strings.TrimLeft(text, " \t\r\n") != text:
		node.Style = yaml.DoubleQuotedStyle
	case strings.Contains(text, "\n"):
		node.Style = yaml.LiteralStyle
	}
	return node
}

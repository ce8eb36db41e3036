package compose

import (
	"bytes"
	"cmp"
	"reflect"
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
			printed := printStep(step)
			x.err = cmp.Or(x.err, printed.err)
			steps.Content = append(steps.Content, &printed.Node)
		}
		x.add("steps", steps)
	}
	if len(lab.Claims) > 0 {
		var claims block
		for _, claim := range lab.Claims {
			claims.add(claim.Name, claim.Keys)
		}
		x.err = cmp.Or(x.err, claims.err)
		x.add("claims", &claims.Node)
	}
	var top block
	top.add(labKey, &x.Node)
	var text bytes.Buffer
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	err := cmp.Or(x.err, top.err, encoder.Encode(&top.Node))
	return text.String(), err
}

// printStep writes a step in the word that it was read from.
func printStep(step topology.Step) *block {
	b, word := new(block), string(step.Action)
	on := strings.Join(step.On, " ") // of most, one
	switch step.Action {
	case topology.Start, topology.Stop:
		if len(step.On) == 1 {
			b.add(word, on)
		} else {
			b.addFlow(word, step.On)
		}
	case topology.Type:
		b.addFlow(word, map[string]string{on: step.Line})
	case topology.Wait:
		b.addFlow(word, map[string]string{on + "." + step.Table: step.Where})
		if step.For > 0 {
			b.add("within", step.For.String())
		}
	case topology.Snapshot:
		b.add(word, step.Name)
	case topology.Signal:
		b.addFlow(word, map[string]string{on: strings.TrimPrefix(step.Signal, "SIG")})
	case topology.Cut, topology.Mend:
		b.addFlow(word, map[string][]string{on: step.Subnets})
	case topology.Sleep:
		b.add(word, step.For.String())
	}
	return b
}

// A block is a mapping that is written in the order in which it is filled, with
// $ doubled in its values, so that it is no variable.
type block struct {
	yaml.Node
	err error // the first one
}

func (b *block) add(name string, value any) { b.put(name, value, 0) }

func (b *block) addFlow(name string, value any) { b.put(name, value, yaml.FlowStyle) }

func (b *block) addText(name string, text topology.Text) {
	switch {
	case text.KO != "":
		b.add(name, text)
	case text.EN != "":
		b.add(name, text.EN)
	}
}

func (b *block) put(name string, value any, style yaml.Style) {
	b.Kind = yaml.MappingNode
	var key yaml.Node
	node, made := value.(*yaml.Node)
	if !made {
		node = new(yaml.Node)
		b.err = cmp.Or(b.err, node.Encode(value))
		double(node)
		node.Style |= style
	}
	b.err = cmp.Or(b.err, key.Encode(name))
	b.Content = append(b.Content, &key, node)
}

func double(node *yaml.Node) {
	if node.Kind == yaml.ScalarNode {
		node.Value = strings.ReplaceAll(node.Value, "$", "$$")
	}
	for i, value := range node.Content {
		if node.Kind != yaml.MappingNode || i%2 == 1 {
			double(value)
		}
	}
}

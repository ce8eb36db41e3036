package compose

import (
	"go.yaml.in/yaml/v3"
)

// maxAliased is how many nodes a file's aliases may add to those that are
// written in it. The loader copies what an alias stands for, so a few lines of
// aliases of aliases would keep it busy for ever.
const maxAliased = 100_000

// checkAliases refuses aliases that lead back to where they are, on which the
// loader does not return, and those that stand for too much.
func checkAliases(root *yaml.Node, r *report) {
	w := aliasWalk{size: make(map[*yaml.Node]int), open: make(map[*yaml.Node]bool), report: r}
	size := w.measure(root)
	if r.empty() && size > w.written+maxAliased {
		r.addAt(0, nil, "the aliases stand for more than %d entries; write less with them", maxAliased)
	}
}

type aliasWalk struct {
	size    map[*yaml.Node]int // what a node is when all in it is written out
	open    map[*yaml.Node]bool
	written int
	report  *report
}

// enough is beyond every limit and far from an overflow.
const enough = 1 << 40

func (w *aliasWalk) measure(node *yaml.Node) int {
	if node.Kind == yaml.AliasNode {
		if w.open[node.Alias] {
			w.report.addAt(node.Line, nil, "the alias *%s stands within what it stands for", node.Value)
			return 1
		}
		return w.measure(node.Alias)
	}
	if size, known := w.size[node]; known {
		return size
	}
	w.written++
	w.open[node] = true
	size := 1
	for _, part := range node.Content {
		size = min(size+w.measure(part), enough)
	}
	delete(w.open, node)
	w.size[node] = size
	return size
}

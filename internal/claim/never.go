package claim

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"github.com/fourtuple/fourtuple/internal/table"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// A condition is an expression that compiles, looked at for what can be known of
// it before a run.
type condition struct {
	lab  *topology.Lab
	kind *table.Kind
	host string
	text string
	root ast.NavigableExpr
	info *ast.SourceInfo
}

// neverMatches says why an expression can be true of no row: it compares a
// column with a word that the column never has, or it is false whatever the
// columns are. Of one that is true of every row it says so, too.
func neverMatches(lab *topology.Lab, kind *table.Kind, host, text string) []table.SyntaxError {
	env, err := cel.NewEnv()
	if err != nil {
		return nil
	}
	parsed, issues := env.Parse(text)
	if issues.Err() != nil {
		return nil
	}
	native := parsed.NativeRep()
	c := &condition{lab, kind, host, text, ast.NavigateAST(native), native.SourceInfo()}
	if wrong := c.wrongWords(); len(wrong) > 0 {
		return wrong
	}
	switch c.constant(env, parsed) {
	case types.False:
		return []table.SyntaxError{{Reason: "it is false of every row, whatever its columns are: it can never match"}}
	case types.True:
		return []table.SyntaxError{{Reason: "it is true of every row, whatever its columns are: it says nothing"}}
	}
	return nil
}

// words are all values of a column but the empty one, where they are known
// before a run.
func (c *condition) words(column string) []string {
	col := c.kind.Column(column)
	switch {
	case col == nil:
		return nil
	case col.Values != nil:
		return col.Values
	case column == "host" || column == "path" || strings.HasSuffix(column, ".host"):
		return c.lab.HostNames()
	case column == "subnet" || strings.HasSuffix(column, ".subnet"):
		var names []string
		for i := range c.lab.Subnets {
			names = append(names, c.lab.Subnets[i].Name)
		}
		return names
	}
	return nil
}

// name is the column that a part of the expression names; empty if it is none.
func (c *condition) name(e ast.Expr) string {
	switch e.Kind() {
	case ast.IdentKind:
		return e.AsIdent()
	case ast.SelectKind:
		if before := c.name(e.AsSelect().Operand()); before != "" {
			return before + "." + e.AsSelect().FieldName()
		}
	}
	return ""
}

// literals are the texts that a part of the expression is: one, or a list of
// them.
func literals(e ast.Expr) (texts []ast.Expr) {
	if e.Kind() == ast.LiteralKind {
		if _, ok := e.AsLiteral().(types.String); ok {
			return []ast.Expr{e}
		}
	}
	if e.Kind() == ast.ListKind {
		for _, element := range e.AsList().Elements() {
			texts = append(texts, literals(element)...)
		}
	}
	return texts
}

// number is the number that a part of the expression is.
func number(e ast.Expr) (n int64, ok bool) {
	if e.Kind() != ast.LiteralKind {
		return 0, false
	}
	literal, ok := e.AsLiteral().(types.Int)
	return int64(literal), ok
}

// wrongWords finds comparisons of a column with a word that it never has.
func (c *condition) wrongWords() (wrong []table.SyntaxError) {
	for _, call := range ast.MatchDescendants(c.root, ast.KindMatcher(ast.CallKind)) {
		switch call.AsCall().FunctionName() {
		case operators.Equals, operators.NotEquals, operators.In:
		default:
			continue
		}
		args := call.AsCall().Args()
		if len(args) != 2 {
			continue
		}
		for i := range args {
			column := c.name(args[i])
			if port, ok := number(args[1-i]); ok && strings.HasSuffix(column, ".port") && (port < 0 || port > math.MaxUint16) {
				wrong = append(wrong, table.SyntaxError{Offset: c.offset(args[1-i]), Reason: fmt.Sprintf("%s is never %d: ports are 0 to %d", column, port, math.MaxUint16)})
			}
			words := c.words(column)
			if words == nil {
				continue
			}
			for _, literal := range literals(args[1-i]) {
				word := string(literal.AsLiteral().(types.String))
				if word != "" && !slices.Contains(words, word) {
					wrong = append(wrong, table.SyntaxError{Offset: c.offset(literal), Reason: fmt.Sprintf("%s is never %q%s", column, word, meant(word, words))})
				}
			}
		}
	}
	return wrong
}

// offset is where a part of the expression begins, in bytes.
func (c *condition) offset(e ast.Expr) int {
	at, ok := c.info.GetOffsetRange(e.ID())
	if !ok {
		return 0
	}
	runes := []rune(c.text)
	return len(string(runes[:min(max(int(at.Start), 0), len(runes))]))
}

// combinations bounds how many values of columns are tried.
const combinations = 5000

// constant is what the expression is of every row, whatever its columns are;
// nil if that depends. Columns of which all values are known are tried with
// each, others are unknown.
func (c *condition) constant(env *cel.Env, parsed *cel.Ast) any {
	program, err := env.Program(parsed, cel.EvalOptions(cel.OptPartialEval))
	if err != nil {
		return nil
	}
	var tried []string
	total := 1
	var unknown []*cel.AttributePatternType
	for _, column := range c.kind.ColumnNames() {
		if !strings.Contains(c.text, column) {
			continue
		}
		words := c.words(column)
		if col := c.kind.Column(column); col.Type == "string" && words != nil && total*(len(words)+1) <= combinations {
			tried, total = append(tried, column), total*(len(words)+1)
			continue
		}
		names := strings.Split(column, ".")
		pattern := cel.AttributePattern(names[0])
		for _, name := range names[1:] {
			pattern = pattern.QualString(name)
		}
		unknown = append(unknown, pattern)
	}
	var always any
	for n := range total {
		values := make(map[string]any)
		for _, column := range tried {
			words := append([]string{""}, c.words(column)...)
			put(values, strings.Split(column, "."), words[n%len(words)])
			n /= len(words)
		}
		vars, err := cel.PartialVars(values, unknown...)
		if err != nil {
			return nil
		}
		value, _, err := program.Eval(vars)
		if err != nil || value != types.True && value != types.False || always != nil && always != any(value) {
			return nil
		}
		always = value
	}
	return always
}

// put sets a value in nested maps.
func put(values map[string]any, names []string, value string) {
	for _, name := range names[:len(names)-1] {
		inner, ok := values[name].(map[string]any)
		if !ok {
			inner = make(map[string]any)
			values[name] = inner
		}
		values = inner
	}
	values[names[len(names)-1]] = value
}

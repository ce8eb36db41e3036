package table

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/env"
	"cel.dev/cel-go/common/operators"
)

// An Expression is a CEL expression on one row. It may be used by several
// goroutines at once.
type Expression struct {
	// Text is as the lab has it, Columns the columns that it uses.
	Text    string
	Columns []string
	// Bool says that its type is bool.
	Bool bool

	kind    *Kind
	columns []*Column
	program cel.Program
}

// A SyntaxError is why a text is no expression on rows of a table.
type SyntaxError struct {
	Offset int // in bytes
	Reason string
}

func (e *SyntaxError) Error() string { return e.Reason }

// What an expression may have: enough for one row, and nothing that takes long
// or makes text without end.
const (
	longestExpression = 4096 // bytes
	deepestExpression = 50
	largestRegexp     = 1000 // instructions
)

var (
	functions = []string{
		operators.Conditional, operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot, operators.NotStrictlyFalse,
		operators.Equals, operators.NotEquals, operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals,
		operators.Add, operators.Subtract, operators.Multiply, operators.Divide, operators.Modulo, operators.Negate,
		operators.In, operators.Index, "size", "contains", "startsWith", "endsWith", "matches",
	}
	macros = []string{"all", "exists", "exists_one", "filter"}
)

// A compiler compiles expressions on rows of one kind.
type compiler struct {
	once sync.Once
	env  *cel.Env
	err  error
}

func (k *Kind) environment() (*cel.Env, error) {
	k.compiler.once.Do(func() {
		subset := &env.LibrarySubset{IncludeMacros: macros}
		for _, f := range functions {
			subset.IncludeFunctions = append(subset.IncludeFunctions, env.NewFunction(f))
		}
		options := []cel.EnvOption{
			cel.StdLib(cel.StdLibSubset(subset)), cel.HomogeneousAggregateLiterals(), cel.RegexProgramSizeLimit(largestRegexp),
			cel.ParserExpressionSizeLimit(longestExpression), cel.ParserRecursionLimit(deepestExpression), cel.ASTValidators(cel.ValidateRegexLiterals(), cel.ValidateComprehensionNestingLimit(1)),
		}
		for i := range k.Columns {
			kind := map[string]*cel.Type{"string": cel.StringType, "int": cel.IntType, "bool": cel.BoolType, "list(string)": cel.ListType(cel.StringType)}[k.Columns[i].Type]
			options = append(options, cel.Variable(k.Columns[i].Name, kind))
		}
		k.compiler.env, k.compiler.err = cel.NewCustomEnv(options...)
	})
	return k.compiler.env, k.compiler.err
}

// Compile compiles an expression on rows of a kind. Its error is a *SyntaxError.
func (k *Kind) Compile(text string) (*Expression, error) {
	if len(text) > longestExpression {
		return nil, &SyntaxError{Reason: fmt.Sprintf("an expression has at most %d bytes", longestExpression)}
	}
	if strings.TrimSpace(text) == "" {
		return nil, &SyntaxError{Reason: "an expression is missing"}
	}
	environment, err := k.environment()
	if err != nil {
		return nil, &SyntaxError{Reason: err.Error()}
	}
	checked, issues := environment.Compile(text)
	if issues.Err() != nil {
		return nil, k.explain(text, issues.Errors())
	}
	e := &Expression{Text: text, kind: kindOf(k.Name), Bool: checked.OutputType() == cel.BoolType}
	e.use(checked.NativeRep())
	if e.program, err = environment.Program(checked, cel.EvalOptions(cel.OptOptimize)); err != nil {
		return nil, &SyntaxError{Reason: err.Error()}
	}
	return e, nil
}

// use notes which columns an expression uses.
func (e *Expression) use(checked *ast.AST) {
	ast.PostOrderVisit(checked.Expr(), ast.NewExprVisitor(func(x ast.Expr) {
		if x.Kind() != ast.IdentKind && x.Kind() != ast.SelectKind {
			return
		}
		ref, ok := checked.ReferenceMap()[x.ID()]
		if !ok || slices.Contains(e.Columns, ref.Name) {
			return
		}
		if c := e.kind.Column(ref.Name); c != nil {
			e.Columns, e.columns = append(e.Columns, c.Name), append(e.columns, c)
		}
	}))
}

// offsetOf is the offset in bytes of a line, from 1, and a column, from 0 and in
// characters.
func offsetOf(text string, line, column int) int {
	offset := 0
	for ; line > 1; line-- {
		n := strings.IndexByte(text[offset:], '\n')
		if n < 0 {
			break
		}
		offset += n + 1
	}
	for i := range text[offset:] {
		if column == 0 {
			return offset + i
		}
		column--
	}
	return len(text)
}

var (
	undeclared = regexp.MustCompile(`^undeclared reference to '([^']*)'`)
	noOverload = regexp.MustCompile(`^found no matching overload for '([^']*)' applied to '(?:(.*)\.)?\((.*)\)'`)
	unexpected = regexp.MustCompile(`(?:mismatched|extraneous) input '([^']*)'|no viable alternative at input '([^']*)'`)
	word       = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*$`)
	wordAhead  = regexp.MustCompile(`^\.?[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*`)
	// spellings are operators as other languages write them.
	spellings = map[string]string{"and": "&&", "AND": "&&", "or": "||", "OR": "||", "not": "!", "NOT": "!", "=": "=="}
)

// explain says the first thing that is wrong with an expression in words for
// people.
func (k *Kind) explain(text string, issues []*cel.Error) *SyntaxError {
	first := slices.MinFunc(issues, func(a, b *cel.Error) int {
		return cmp.Or(cmp.Compare(a.Location.Line(), b.Location.Line()), cmp.Compare(a.Location.Column(), b.Location.Column()))
	})
	e := &SyntaxError{Offset: offsetOf(text, first.Location.Line(), first.Location.Column()), Reason: first.Message}
	switch message := strings.TrimPrefix(first.Message, "Syntax error: "); {
	case undeclared.MatchString(message):
		k.undeclared(text, e)
	case noOverload.MatchString(message):
		e.Reason = mismatch(noOverload.FindStringSubmatch(message))
		if e.Offset < len(text) && text[e.Offset] == '(' {
			e.Offset -= len(lastWord(text[:e.Offset]))
		}
	case message == "invalid matches argument":
		e.Reason = "matches takes a regular expression of RE2, and this is none"
	case strings.HasPrefix(message, "expected type 'bool' but found "):
		e.Reason = fmt.Sprintf("what stands here must be true or false, and is %s", article(strings.Trim(strings.TrimPrefix(message, "expected type 'bool' but found "), "'")))
	case message != first.Message:
		before := strings.TrimRight(text[:e.Offset], " ")
		if last := lastWord(before); spellings[last] != "" {
			e.Offset = len(before) - len(last)
		}
		e.Reason = misspelt(text[e.Offset:], message)
	}
	e.Reason, _, _ = strings.Cut(e.Reason, "\n")
	return e
}

// misspelt says what is wrong with what the parser could not read.
func misspelt(rest, message string) string {
	for wrong, right := range spellings {
		if after, ok := strings.CutPrefix(rest, wrong); ok && (wrong == "=" || after == "" || after[0] == ' ') {
			return fmt.Sprintf("%s is no operator: write %s", wrong, right)
		}
	}
	m := unexpected.FindStringSubmatch(message)
	switch {
	case strings.HasPrefix(rest, `"`) || strings.HasPrefix(rest, "'"):
		return "a text begins here, and its last quotation mark is missing"
	case strings.TrimSpace(rest) == "" || m != nil && m[1]+m[2] == "<EOF>":
		return "the expression ends too early"
	case m != nil:
		return fmt.Sprintf("%q is not expected here", m[1]+m[2])
	}
	return message
}

// lastWord is the name that a text ends with, without a column that it is a
// method of.
func lastWord(text string) string {
	whole := word.FindString(text)
	return whole[strings.LastIndexByte(whole, '.')+1:]
}

// undeclared says what there is instead of a name that is none, and where it
// begins.
func (k *Kind) undeclared(text string, e *SyntaxError) {
	before, after := text[:e.Offset], text[e.Offset:]
	if strings.HasPrefix(after, "(") {
		function := lastWord(before)
		e.Offset -= len(function)
		e.Reason = fmt.Sprintf("there is no function %s%s", function, didYouMean(function, slices.Concat(macros, functions[len(functions)-5:])))
		return
	}
	begin := word.FindString(before)
	if !strings.HasPrefix(after, ".") {
		begin = ""
	}
	end := wordAhead.FindString(after)
	whole := begin + end
	if strings.HasPrefix(strings.TrimLeft(after[len(end):], " "), "(") {
		whole = whole[:max(0, strings.LastIndexByte(whole, '.'))]
	}
	e.Offset -= len(begin)
	for i := range k.Columns {
		if slices.Contains(k.Columns[i].Values, whole) {
			e.Reason = fmt.Sprintf("%s is no column: write %q, a text", whole, whole)
			return
		}
	}
	e.Reason = k.noColumn(whole)
}

// symbols are the operators as they are written.
var symbols = map[string]string{
	operators.LogicalNot: "!", operators.Negate: "-", operators.Index: "[]", operators.In: "in", operators.Conditional: "?:",
}

// mismatch says what is wrong with the types of an operator or a function.
func mismatch(parts []string) string {
	function, of, arguments := parts[1], parts[2], strings.Split(parts[3], ", ")
	symbol := symbols[function]
	if symbol == "" {
		symbol = strings.Trim(function, "_")
	}
	for i, a := range arguments {
		arguments[i] = article(a)
	}
	switch {
	case of != "":
		return fmt.Sprintf("%s is not for %s with %s", symbol, article(of), strings.Join(arguments, " and "))
	case len(arguments) == 2 && (function == operators.Equals || function == operators.NotEquals):
		return fmt.Sprintf("%s compares %s with %s: both must be of one type", symbol, arguments[0], arguments[1])
	}
	return fmt.Sprintf("%s is not for %s", symbol, strings.Join(arguments, " and "))
}

// article is a type with its article.
func article(kind string) string {
	switch kind {
	case "":
		return "nothing"
	case "int":
		return "an int"
	case "uint":
		return "a uint"
	}
	return "a " + kind
}

package table

import (
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// An evaluation is what an expression's program asks for the cells of a row.
type evaluation struct {
	e     *Expression
	row   *Row
	count count
	// broken are the witnesses that could tell cells that were asked for.
	broken mask
}

// ResolveName is a cell. One that is not known is an unknown, by its column.
func (v *evaluation) ResolveName(name string) (any, bool) {
	for _, c := range v.e.columns {
		if c.Name != name {
			continue
		}
		_, broken, ok := v.row.known(c, v.count)
		v.broken |= broken
		if ok {
			switch value := c.value(v.row).(type) {
			case nil:
			case string:
				return types.String(value), true
			case int64:
				return types.Int(value), true
			case bool:
				return types.Bool(value), true
			default:
				return value, true
			}
		}
		return types.NewUnknown(1, types.NewAttributeTrail(c.Name)), true
	}
	return nil, false
}

// Parent is none.
func (v *evaluation) Parent() cel.Activation { return nil }

// Evaluate is the expression's value on a row.
func (e *Expression) Evaluate(r *Row, q Quorum) Value {
	state := evaluation{e: e, row: r, count: r.kind.count(q)}
	out, _, err := e.program.Eval(&state)
	v := Value{Blocked: r.gapsOf(state.broken)}
	if err != nil {
		v.Unknown = []Gap{{Why: strings.TrimSuffix(err.Error(), ".")}}
		return v
	}
	v.Value, v.Unknown = state.native(out)
	return v
}

// native is a value as Go has it, or why it is not known.
func (v *evaluation) native(out ref.Val) (any, []Gap) {
	switch out := out.(type) {
	case types.Bool:
		return bool(out), nil
	case types.Int:
		return int64(out), nil
	case types.String:
		return string(out), nil
	case traits.Lister:
		var elements []string
		for i := range int64(out.Size().(types.Int)) {
			text, _ := out.Get(types.Int(i)).(types.String)
			elements = append(elements, string(text))
		}
		return strings.Join(elements, ", "), nil
	case *types.Unknown:
		var gaps []Gap
		for _, id := range out.IDs() {
			trails, _ := out.GetAttributeTrails(id)
			for _, trail := range trails {
				c := v.e.kind.Column(trail.Variable())
				missing, _, _ := v.row.known(c, v.count)
				for _, gap := range v.row.unknown(c, missing) {
					if !slices.Contains(gaps, gap) {
						gaps = append(gaps, gap)
					}
				}
			}
		}
		return nil, gaps
	}
	return nil, []Gap{{Why: "the expression is no bool, int or string"}}
}

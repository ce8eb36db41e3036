package claim

import (
	"slices"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// A quantifier is a key that says of which rows a claim is true. To add one,
// write it in a file of its own and name it in quantifiers.
type quantifier struct {
	name string
	// keys are those that may stand beside it and the common ones, needs those
	// of them that must.
	keys, needs []string
	doc         string
	// read reads what the claim says, judge judges it.
	read  func(*keys, *statement)
	judge func(*judge, *statement) result
	// text is what the claim says in words, for one that does not say it itself.
	text func(*statement) topology.Text
}

// quantifiers are all of them, in the order in which they are listed.
var quantifiers []*quantifier

// Some of them read parts that are claims themselves, which Go does not allow
// in an initial value.
func init() {
	quantifiers = []*quantifier{&every, &some, &none, &count, &distinct, &same, &before, &all}
}

func quantifierNames() (names []string) {
	for _, q := range quantifiers {
		names = append(names, q.name)
	}
	return names
}

// filters are the keys by which a quantifier of one table chooses rows, and
// those whose word counts.
var filters = []string{"where", "witnesses", "seen-by"}

// allKeys are all keys that a claim may have.
func allKeys() []string {
	all := slices.Concat(commonKeys, quantifierNames())
	for _, q := range quantifiers {
		for _, key := range q.keys {
			if !slices.Contains(all, key) {
				all = append(all, key)
			}
		}
	}
	return all
}

// A Key is a key of a claim, or a macro, as help lists it.
type Key struct{ Name, Doc string }

// Keys are all keys that a claim may have: first the quantifiers, of which it
// has one, then those that stand beside it.
func Keys() (all []Key) {
	for _, q := range quantifiers {
		all = append(all, Key{q.name, q.doc})
	}
	return append(all,
		Key{"where", "which rows are looked at: CEL on one row"},
		Key{"is", "what is to be true of them: CEL on one row"},
		Key{"of", "the columns that rows are compared by"},
		Key{"n", "how many rows there are to be: 3, '>= 3', '< 3', '2..4'"},
		Key{"at", "the snapshot whose rows are meant, and until which events count, or [from, to]; else the last one"},
		Key{"expect", "holds (the default), refuted, or {not-shown: HOST.WITNESS}, which names the witness whose absence is the subject"},
		Key{"says", "what the claim says in words, or {en: …, ko: …}; else it is made from the keys"},
		Key{"witnesses", "whose word counts; else that of all that can tell a column that the claim uses"},
		Key{"seen-by", "how many of them there must be: 2 in joined tables and 1 in a host's, unless it says another number"})
}

// Macros are all macros, in the order of their names.
func Macros() (all []Key) {
	for _, name := range macroNames() {
		all = append(all, Key{name, macros[name].doc})
	}
	return all
}

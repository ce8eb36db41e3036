package evidence

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"
)

// A canonical reads lines that are, byte for byte, what json.Marshal makes of a
// record: its fields in their order, each once, and none left out that may not
// be. It does at once, and five times as fast, what decodeStrictly and asWritten
// do together; what it does not read may still be a record.
type canonical struct {
	fields []canonicalField
	// What the last rows had is not made anew: rows of one dump share their time,
	// and all rows their host.
	timeText []byte
	time     time.Time
	texts    map[string]string

	line []byte
	at   int
}

// A canonicalField is a field of a record's type.
type canonicalField struct {
	first, next []byte // its name, behind nothing and behind a comma
	index       []int
	optional    bool // left out if it is zero
	read        func(*canonical, reflect.Value) bool
}

var (
	timeType     = reflect.TypeFor[time.Time]()
	endpointType = reflect.TypeFor[netip.AddrPort]()
	tupleType    = reflect.TypeFor[FourTuple]()
)

func newCanonical(t reflect.Type) *canonical {
	return &canonical{fields: canonicalFields(t), texts: make(map[string]string)}
}

func canonicalFields(t reflect.Type) (fields []canonicalField) {
	for _, f := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" || f.Anonymous {
			continue
		}
		quoted := `"` + name + `":`
		fields = append(fields, canonicalField{
			first: []byte(quoted), next: []byte("," + quoted), index: f.Index, optional: options != "", read: canonicalReader(f.Type),
		})
	}
	return fields
}

// canonicalReader is what reads a value of a type; of a type that rows seldom
// have, nothing is read.
func canonicalReader(t reflect.Type) func(*canonical, reflect.Value) bool {
	switch {
	case t == timeType:
		return func(c *canonical, v reflect.Value) bool { return c.readTime(v.Addr().Interface().(*time.Time)) }
	case t == endpointType:
		return func(c *canonical, v reflect.Value) bool {
			return c.readEndpoint(v.Addr().Interface().(*netip.AddrPort))
		}
	case t == tupleType:
		fields := canonicalFields(t)
		return func(c *canonical, v reflect.Value) bool { return c.readObject(fields, v) }
	case t.Kind() == reflect.String:
		return func(c *canonical, v reflect.Value) bool {
			text, ok := c.readString()
			v.SetString(text)
			return ok
		}
	case t.Kind() == reflect.Bool:
		return func(c *canonical, v reflect.Value) bool {
			v.SetBool(c.skip("true"))
			return v.Bool() || c.skip("false")
		}
	case t.Kind() >= reflect.Int && t.Kind() <= reflect.Int64:
		return func(c *canonical, v reflect.Value) bool {
			negative := c.skip("-")
			n, ok := c.readNumber()
			if negative {
				v.SetInt(-int64(n))
				return ok && n != 0 && !v.OverflowInt(-int64(n))
			}
			v.SetInt(int64(n))
			return ok && !v.OverflowInt(int64(n))
		}
	case t.Kind() >= reflect.Uint && t.Kind() <= reflect.Uint64:
		return func(c *canonical, v reflect.Value) bool {
			n, ok := c.readNumber()
			v.SetUint(n)
			return ok && !v.OverflowUint(n)
		}
	}
	return func(*canonical, reflect.Value) bool { return false }
}

// read reads a line with its end into a record that is zero. If it is false, the
// record is to be read in another way.
func (c *canonical) read(line []byte, record reflect.Value) bool {
	c.line, c.at = line, 0
	return c.readObject(c.fields, record) && c.skip("\n") && c.at == len(line)
}

func (c *canonical) readObject(fields []canonicalField, v reflect.Value) bool {
	if !c.skip("{") {
		return false
	}
	begun := false
	for i := range fields {
		f := &fields[i]
		name := f.first
		if begun {
			name = f.next
		}
		if !bytes.HasPrefix(c.line[c.at:], name) {
			if !f.optional {
				return false
			}
			continue
		}
		c.at += len(name)
		begun = true
		value := v.FieldByIndex(f.index)
		if !f.read(c, value) || f.optional && value.IsZero() {
			return false
		}
	}
	return c.skip("}")
}

// skip passes over a text that comes next.
func (c *canonical) skip(text string) bool {
	if len(c.line)-c.at < len(text) || string(c.line[c.at:c.at+len(text)]) != text {
		return false
	}
	c.at += len(text)
	return true
}

// readNumber reads a number of at most 18 digits.
func (c *canonical) readNumber() (n uint64, ok bool) {
	begin := c.at
	for c.at < len(c.line) && c.line[c.at]-'0' <= 9 {
		n = n*10 + uint64(c.line[c.at]-'0')
		c.at++
	}
	digits := c.at - begin
	return n, digits > 0 && digits <= 18 && (digits == 1 || c.line[begin] != '0')
}

// readText reads a text up to its end quote. Escaped says that a character in it
// is escaped, or must be.
func (c *canonical) readText() (text []byte, escaped, ok bool) {
	if !c.skip(`"`) {
		return nil, false, false
	}
	begin := c.at
	for ; c.at < len(c.line); c.at++ {
		switch b := c.line[c.at]; {
		case b == '"':
			text = c.line[begin:c.at]
			c.at++
			return text, escaped, true
		case b == '\\':
			escaped = true
			c.at++
		case b < ' ':
			return nil, false, false
		}
	}
	return nil, false, false
}

// mostTexts and longestText bound what is kept to be used again.
const (
	mostTexts   = 1024
	longestText = 64
)

func (c *canonical) readString() (string, bool) {
	begin := c.at
	text, escaped, ok := c.readText()
	if !ok || !utf8.Valid(text) {
		return "", false
	}
	if escaped {
		var plain string
		written := c.line[begin:c.at]
		return plain, json.Unmarshal(written, &plain) == nil && asWritten(written, plain)
	}
	if known, ok := c.texts[string(text)]; ok {
		return known, true
	}
	plain := string(text)
	if len(c.texts) < mostTexts && len(plain) <= longestText {
		c.texts[plain] = plain
	}
	return plain, true
}

func (c *canonical) readTime(t *time.Time) bool {
	text, escaped, ok := c.readText()
	if !ok || escaped || !bytes.HasSuffix(text, []byte("Z")) {
		return false
	}
	if !bytes.Equal(text, c.timeText) {
		parsed, err := time.Parse(time.RFC3339Nano, string(text))
		if err != nil {
			return false
		}
		var again [len(time.RFC3339Nano)]byte
		if !bytes.Equal(parsed.AppendFormat(again[:0], time.RFC3339Nano), text) {
			return false
		}
		c.timeText, c.time = append(c.timeText[:0], text...), parsed
	}
	*t = c.time
	return true
}

func (c *canonical) readEndpoint(e *netip.AddrPort) bool {
	text, escaped, ok := c.readText()
	if !ok || escaped || len(text) == 0 {
		return false
	}
	parsed, err := netip.ParseAddrPort(string(text))
	*e = parsed
	var again [64]byte
	return err == nil && bytes.Equal(parsed.AppendTo(again[:0]), text)
}

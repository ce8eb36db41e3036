package report

import (
	"fmt"

	"github.com/jedib0t/go-pretty/v6/text"
)

// A figure is an SVG drawing: its size in pixels, what it is called, and what
// it shows in words. Coordinates count from the upper left corner.
type figure struct {
	ID, Title, Description string
	Width, Height          int
	Shapes                 []shape // later ones over earlier ones
}

// A shape is a box, a line, an arrow or text. Its class is its look in the style
// sheet; of text, start, middle or end says where its point is.
type shape struct {
	Kind, Class   string
	X, Y          int
	Width, Height int    // of a box
	Right, Bottom int    // where a line or an arrow ends
	Head          string // the points of an arrow's head
	Text          string
}

func (f *figure) box(class string, x, y, width, height int) {
	f.Shapes = append(f.Shapes, shape{Kind: "box", Class: class, X: x, Y: y, Width: width, Height: height})
}

func (f *figure) line(class string, x, y, right, bottom int) {
	f.Shapes = append(f.Shapes, shape{Kind: "line", Class: class, X: x, Y: y, Right: right, Bottom: bottom})
}

// arrow is a level line with a head at its end.
func (f *figure) arrow(class string, from, y, to int) {
	neck := to - 7
	if to < from {
		neck = to + 7
	}
	f.Shapes = append(f.Shapes, shape{
		Kind: "arrow", Class: class, X: from, Y: y, Right: neck, Bottom: y,
		Head: fmt.Sprintf("%d,%d %d,%d %d,%d", to, y, neck, y-4, neck, y+4),
	})
}

func (f *figure) text(class string, x, y int, text string) {
	f.Shapes = append(f.Shapes, shape{Kind: "text", Class: class, X: x, Y: y, Text: text})
}

// Sizes that figures share: pixels, letters of a name, and the width of a
// letter in pixels, rounded up.
const (
	margin      = 12
	gap         = 16
	longestName = 24
	letterWidth = 8
)

// textWidth is the space that texts one above the other take in a box, in
// pixels; a Hangul syllable takes that of two letters.
func textWidth(texts ...string) int {
	columns := 0
	for _, t := range texts {
		columns = max(columns, text.StringWidthWithoutEscSequences(t))
	}
	return columns*letterWidth + 2*margin
}

// shortName is a host's name as figures write it.
func shortName(name string) string { return shorten(hostName(name), longestName) }

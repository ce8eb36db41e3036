package report

import "github.com/jedib0t/go-pretty/v6/text"

// A figure is an SVG drawing: its size in pixels, what it is called and what it
// shows in words. Coordinates count from the upper left corner.
type figure struct {
	ID, Title, Description string
	Width, Height          int
	Grounds                []area // below the wires
	Areas                  []area // above them
	Wires                  []wire
	Labels                 []label
}

// An area is a rectangle; its class is its look in the style sheet.
type area struct {
	X, Y, Width, Height int
	Class               string
}

// A wire is a line; an arrow points to its end.
type wire struct {
	X1, Y1, X2, Y2 int
	Class          string
	Arrow          string // the points of its head, empty for none
}

// A label is text at its baseline. The class says how it looks, and by start,
// middle or end where X is.
type label struct {
	X, Y  int
	Class string
	Text  string
}

func (f *figure) area(class string, x, y, width, height int) {
	f.Areas = append(f.Areas, area{x, y, width, height, class})
}

func (f *figure) ground(class string, x, y, width, height int) {
	f.Grounds = append(f.Grounds, area{x, y, width, height, class})
}

func (f *figure) wire(class string, x1, y1, x2, y2 int) {
	f.Wires = append(f.Wires, wire{X1: x1, Y1: y1, X2: x2, Y2: y2, Class: class})
}

func (f *figure) label(class string, x, y int, text string) {
	f.Labels = append(f.Labels, label{x, y, class, text})
}

// The widths of a letter in pixels, rounded up: of names and addresses, and of
// notes, which are set smaller.
const (
	letter     = 8
	noteLetter = 7
)

// textWidth is the space that names or addresses take one above the other, in
// pixels; a Hangul syllable takes that of two letters.
func textWidth(texts ...string) int { return widest(texts) * letter }

// noteWidth is the same for notes.
func noteWidth(texts ...string) int { return widest(texts) * noteLetter }

func widest(texts []string) int {
	columns := 0
	for _, t := range texts {
		columns = max(columns, text.StringWidthWithoutEscSequences(t))
	}
	return columns
}

// shorten cuts text to so many columns and says so by three dots.
func shorten(s string, columns int) string { return text.Snip(s, columns, "...") }

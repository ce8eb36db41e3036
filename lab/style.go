package main

import (
	"io"
	"os"
	"strings"

	"github.com/fourtuple/fourtuple/internal/report"
)

// styleFor is how to write there: coloured for a terminal whose user does not
// object (https://no-color.org), and in ASCII where the locale asks for it.
func styleFor(w io.Writer) report.Style {
	return report.Style{Color: isTerminal(w) && os.Getenv("NO_COLOR") == "", ASCII: onlyASCII()}
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// onlyASCII tells whether a locale is set that has no Unicode, by the order in
// which locale(7) looks at the variables.
func onlyASCII() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := os.Getenv(name); value != "" {
			return !strings.Contains(strings.ToUpper(value), "UTF-8") && !strings.Contains(strings.ToUpper(value), "UTF8")
		}
	}
	return false
}

package report

import (
	"encoding/hex"
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Text has a contrast of 4.5 to what is behind it, in light and in dark (WCAG
// 2.2, criterion 1.4.3).
func TestContrast(t *testing.T) {
	css, err := pageFiles.ReadFile("page/page.css")
	require.NoError(t, err)
	light, dark, found := strings.Cut(string(css), "prefers-color-scheme: dark")
	require.True(t, found)
	for name, css := range map[string]string{"light": light, "dark": dark} {
		colors := make(map[string]string)
		for _, match := range regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{6});`).FindAllStringSubmatch(css, -1) {
			colors[match[1]] = match[2]
		}
		everywhere := []string{"page", "tint", "band", "box", "server-tint", "client-tint", "green-tint", "red-tint", "amber-tint"}
		for text, grounds := range map[string][]string{
			"text": everywhere, "quiet": everywhere, "green": {"page", "green-tint"}, "red": {"red-tint"},
			"amber": {"page", "amber-tint"}, "server": {"page", "server-tint"},
		} {
			for _, ground := range grounds {
				require.GreaterOrEqual(t, contrast(t, colors[text], colors[ground]), 4.5, "%s: %s on %s", name, text, ground)
			}
		}
	}
	require.Less(t, contrast(t, "999999", "ffffff"), 4.5, "the control: light grey on white")
}

func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	x, y := luminance(t, a), luminance(t, b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// luminance is the relative luminance of a colour such as ff8800, as WCAG
// defines it.
func luminance(t *testing.T, color string) float64 {
	t.Helper()
	rgb, err := hex.DecodeString(color)
	require.NoError(t, err)
	require.Len(t, rgb, 3)
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		if c := float64(rgb[i]) / 255; c <= 0.04045 {
			sum += weight * c / 12.92
		} else {
			sum += weight * math.Pow((c+0.055)/1.055, 2.4)
		}
	}
	return sum
}

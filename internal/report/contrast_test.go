package report

import (
	"math"
	"regexp"
	"strconv"
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
	for name, colors := range map[string]map[string]float64{"light": luminances(t, light), "dark": luminances(t, dark)} {
		for _, pair := range [][2]string{
			{"text", "page"},
			{"text", "tint"},
			{"text", "lane"},
			{"text", "box"},
			{"text", "server-tint"},
			{"text", "client-tint"},
			{"text", "green-tint"},
			{"text", "red-tint"},
			{"text", "amber-tint"},
			{"quiet", "page"},
			{"quiet", "tint"},
			{"quiet", "lane"},
			{"quiet", "box"},
			{"quiet", "server-tint"},
			{"quiet", "client-tint"},
			{"quiet", "green-tint"},
			{"quiet", "red-tint"},
			{"quiet", "amber-tint"},
			{"green", "page"},
			{"green", "green-tint"},
			{"red", "red-tint"},
			{"amber", "page"},
			{"amber", "amber-tint"},
			{"server", "server-tint"},
			{"server", "page"},
		} {
			require.GreaterOrEqual(t, contrast(colors[pair[0]], colors[pair[1]]), 4.5, "%s: %s on %s", name, pair[0], pair[1])
		}
	}
	require.Less(t, contrast(luminance(t, "999999"), luminance(t, "ffffff")), 4.5, "the control: light grey on white")
}

var variable = regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{6});`)

func luminances(t *testing.T, css string) map[string]float64 {
	t.Helper()
	found := make(map[string]float64)
	for _, match := range variable.FindAllStringSubmatch(css, -1) {
		found[match[1]] = luminance(t, match[2])
	}
	require.Len(t, found, 18)
	return found
}

// luminance is the relative luminance of a colour such as ff8800, as WCAG
// defines it.
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		require.NoError(t, err)
		c := float64(n) / 255
		if c <= 0.04045 {
			sum += weight * c / 12.92
			continue
		}
		sum += weight * math.Pow((c+0.055)/1.055, 2.4)
	}
	return sum
}

func contrast(a, b float64) float64 { return (max(a, b) + 0.05) / (min(a, b) + 0.05) }

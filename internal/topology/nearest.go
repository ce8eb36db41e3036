package topology

import "strings"

// Nearest is the word that a misspelt one is most likely meant to be: the one
// that differs in the fewest letters, the first of them in the alphabet, if
// these are few; empty if no word is near.
func Nearest(word string, words []string) string {
	best, least := "", len(word)/3+2
	for _, w := range words {
		d := distance(strings.ToLower(word), strings.ToLower(w))
		if d < least && d < len(w) || d == least && best != "" && w < best {
			best, least = w, d
		}
	}
	return best
}

// distance is how many letters must be added, removed or replaced to make one
// word of the other (Levenshtein's distance).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

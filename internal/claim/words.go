package claim

import "strconv"

// count says how many of a thing there are: "1 connection", "3 connections",
// "2 addresses".
func count(n int, singular, plural string) string {
	if n == 1 {
		return "1 " + singular
	}
	return strconv.Itoa(n) + " " + plural
}

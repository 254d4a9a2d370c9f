package sbc

import (
	"slices"
	"strings"
)

// Nearest returns the known name that is meant by name: the one that fewest edits
// are away, else the first that begins with it; empty when there is none.
func Nearest(name string, known []string) string {
	best, least := "", max(len(name)/3, 2)+1
	for _, k := range known {
		if d := Edits(name, k); d < least {
			best, least = k, d
		}
	}
	if best == "" && len(name) > 2 {
		i := slices.IndexFunc(known, func(k string) bool { return strings.HasPrefix(k, name) })
		if i >= 0 {
			return known[i]
		}
	}
	return best
}

// Edits is the Levenshtein distance of a and b, counted in bytes.
func Edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			above := row[j+1]
			row[j+1] = min(before+cost, above+1, row[j]+1)
			before = above
		}
	}
	return row[len(b)]
}

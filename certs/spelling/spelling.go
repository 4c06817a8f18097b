// Package spelling finds the word that a misspelt one was meant to be, for
// errors that say "did you mean". Nothing is ever corrected by it.
package spelling

import "strings"

const (
	// maxLength bounds the work, which grows with the product of two lengths.
	// What is longer is no misspelling of a name.
	maxLength = 64
	// minStem is how long a beginning must be to stand for a whole name.
	minStem = 4
)

// Nearest returns the element of known that name was most likely meant to be,
// and "" if none is near. Of equally near ones the first is taken.
func Nearest(name string, known []string) string {
	if name == "" || len(name) > maxLength {
		return ""
	}
	best, least := "", len(name)/4+1
	for _, candidate := range known {
		if len(candidate) > maxLength {
			continue
		}
		if d := distance(strings.ToLower(name), strings.ToLower(candidate)); d < least || (d == least && best == "") {
			best, least = candidate, d
		}
	}
	if best != "" {
		return best
	}
	return byStem(name, known)
}

// byStem returns the longest element of known that name begins with, else the
// shortest that begins with name.
func byStem(name string, known []string) string {
	inside, around := "", ""
	for _, candidate := range known {
		switch {
		case len(candidate) >= minStem && len(candidate) > len(inside) && hasPrefixFold(name, candidate):
			inside = candidate
		case len(name) >= minStem && (around == "" || len(candidate) < len(around)) && hasPrefixFold(candidate, name):
			around = candidate
		}
	}
	if inside != "" {
		return inside
	}
	return around
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// distance is how many bytes have to be put in, left out, replaced, or swapped
// with their neighbour to make b of a (optimal string alignment).
func distance(a, b string) int {
	// Three rows of the table are enough: a swap looks two rows back.
	before, above, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(b)]
}

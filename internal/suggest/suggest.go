// Package suggest finds the word somebody meant.
package suggest

import "strings"

// Closest is the word nearest to the typed one, or "" when none is near enough
// to be a slip: at most a third of the letters may differ, an exchange of two
// neighbours counting once.
func Closest(typed string, words []string) string {
	best, bestDist := "", len(typed)/3+1
	for _, w := range words {
		d := distance(strings.ToLower(typed), strings.ToLower(w))
		if d <= bestDist && (best == "" || d < bestDist) {
			best, bestDist = w, d
		}
	}
	return best
}

// Hint is "did you mean" the nearest of words, or all of them where none is near.
func Hint[S ~string](typed string, words []S) string {
	list := make([]string, len(words))
	for i, w := range words {
		list[i] = string(w)
	}
	if w := Closest(typed, list); w != "" {
		return "did you mean " + w + "?"
	}
	return "one of " + strings.Join(list, ", ")
}

// distance is the optimal string alignment distance.
func distance(a, b string) int {
	if len(a) > 100 || len(b) > 100 {
		return 100
	}
	before, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], before[j-2]+1)
			}
		}
		before, prev, cur = prev, cur, before
	}
	return prev[len(b)]
}

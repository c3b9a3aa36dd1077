// Package glob matches slash-separated paths against patterns in which * and ?
// and [a-z] match within one name and ** matches any number of folders.
package glob

import (
	"fmt"
	"path"
	"strings"
)

// Check tells what is wrong with pattern: it must be relative, clean, stay below
// its directory, and be well formed.
func Check(pattern string) error {
	if pattern == "" || path.IsAbs(pattern) || strings.Contains(pattern, "\\") || strings.ContainsRune(pattern, 0) {
		return fmt.Errorf("pattern %q is not a relative, slash-separated path", pattern)
	}
	for _, part := range split(pattern) {
		if part == ".." {
			return fmt.Errorf("pattern %q leaves its directory", pattern)
		}
		if _, err := path.Match(part, ""); err != nil {
			return fmt.Errorf("pattern %q is malformed", pattern)
		}
	}
	return nil
}

// Match tells whether pattern matches name. A pattern whose last name has no
// wildcard also matches everything below the folder it names. A malformed
// pattern matches nothing.
func Match(pattern, name string) bool {
	pat := split(pattern)
	return match(pat, split(name), !strings.ContainsAny(pat[len(pat)-1], "*?["))
}

func split(p string) []string {
	return strings.Split(path.Clean(p), "/")
}

// match walks both lists. Only the last ** can matter once its turn comes, so
// the way back is one step and the whole never worse than quadratic.
func match(pat, name []string, below bool) bool {
	if len(pat) == 1 && pat[0] == "." {
		return true
	}
	p, n := 0, 0
	backP, backN := -1, 0
	for n < len(name) {
		switch {
		case p == len(pat) && below:
			return true // the pattern names a folder above
		case p < len(pat) && pat[p] == "**":
			backP, backN = p, n
			p++
			continue
		case p < len(pat):
			if ok, err := path.Match(pat[p], name[n]); err == nil && ok {
				p, n = p+1, n+1
				continue
			}
		}
		if backP < 0 {
			return false
		}
		backN++
		p, n = backP+1, backN
	}
	for p < len(pat) && pat[p] == "**" {
		p++
	}
	return p == len(pat)
}

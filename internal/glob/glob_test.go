package glob

import "testing"

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"a.txt", "a.txt", true},
		{"a.txt", "b.txt", false},
		{"*.txt", "a.txt", true},
		{"*.txt", "d/a.txt", false},
		{"*", "d/a.txt", false},
		{"*/*", "d/a.txt", true},
		{"**", "d/e/a.txt", true},
		{"**/*.png", "a.png", true},
		{"**/*.png", "x/y/a.png", true},
		{"**/*.png", "x/y/a.jpg", false},
		{"out/**", "out/a", true},
		{"out/**", "other/a", false},
		{"out/**/z", "out/z", true},
		{"out/**/z", "out/a/b/z", true},
		{"out/**/z", "out/a/b/zz", false},
		{"**/a/**/b", "x/a/y/a/z/b", true},
		{"**/a/**/b", "x/b/a", false},
		{"out", "out/deep/file", true},
		{"out/", "out/deep/file", true},
		{"out", "outer", false},
		{".", "any/thing", true},
		{"./a", "a", true},
		{"fr?me-[0-9].png", "frame-3.png", true},
		{"[", "[", false},
	} {
		if got := Match(c.pattern, c.name); got != c.want {
			t.Errorf("Match(%q, %q) = %v", c.pattern, c.name, got)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, good := range []string{"a", "a/**/b", "./x", "[a-z]*", "out/"} {
		if err := Check(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", "/etc/passwd", "../x", "a/../../b", "[", "a\\b", "a\x00"} {
		if Check(bad) == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// A star-heavy pattern from a stranger must not cost exponential time.
func FuzzMatch(f *testing.F) {
	f.Add("**/**/**/a", "x/x/x/x/x/b")
	f.Add("*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaa")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if len(pattern) > 200 || len(name) > 200 {
			return
		}
		Match(pattern, name)
		if Check(pattern) == nil && pattern == name && !Match(pattern, name) && !containsMeta(pattern) {
			t.Fatalf("%q does not match itself", pattern)
		}
	})
}

func containsMeta(s string) bool {
	for _, r := range s {
		switch r {
		case '*', '?', '[', ']':
			return true
		}
	}
	return false
}

package proctree

import (
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	// A name with spaces and brackets, as anybody may give a program.
	line := "42 (a) R (b c) T 7 42 42 0 -1 4194560 100 0 0 0 3 2 10 5 20 0 1 0 9999 1000000 25 18446744073709551615 0 0"
	s, ok := parseStat([]byte(line))
	if !ok || s.pid != 42 || s.ppid != 7 || s.state != 'T' || s.start != 9999 || s.rss != 25*pageSize || s.cpu != 200*time.Millisecond {
		t.Errorf("%+v %v", s, ok)
	}
	for _, bad := range []string{"", "42", "42 (x", "42 (x)", "42 (x) R 1 2 3", ") ("} {
		if _, ok := parseStat([]byte(bad)); ok {
			t.Errorf("%q was taken", bad)
		}
	}
}

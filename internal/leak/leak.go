// Package leak fails a package's tests when they leave goroutines behind.
package leak

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// grace is for goroutines that end but had no processor yet. goleak's own, less than
// half a second, is too short beside the tests of other packages.
const grace = 10 * time.Second

// Main runs a package's tests and exits with their code, or with 1 when they passed
// but left goroutines.
func Main(m *testing.M, ignore ...goleak.Option) { os.Exit(Run(m, ignore...)) }

// Run is Main for those who have something left to do: it returns the code.
func Run(m *testing.M, ignore ...goleak.Option) int {
	code := m.Run()
	if code != 0 {
		return code
	}
	if err := find(grace, ignore...); err != nil {
		fmt.Fprintln(os.Stderr, "leak: the tests passed, but:", err)
		return 1
	}
	return 0
}

// find is nil as soon as there are no other goroutines, else what there is at the end
// of the time it may take.
func find(within time.Duration, ignore ...goleak.Option) error {
	for end := time.Now().Add(within); ; {
		err := goleak.Find(ignore...)
		if err == nil || time.Now().After(end) {
			return err
		}
	}
}

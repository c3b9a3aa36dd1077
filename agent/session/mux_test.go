package session

import (
	"errors"
	"sync/atomic"
	"testing"
)

// Every session has its first window; what is more comes out of one lot, and goes
// back when the session ends.
func TestWindows(t *testing.T) {
	left := new(atomic.Int64)
	left.Store(maxMore)
	one, other := window{left, new(atomic.Int64)}, window{left, new(atomic.Int64)}
	if err := one.ReserveMemory(maxMore, 128); err != nil {
		t.Fatal(err)
	}
	if err := other.ReserveMemory(1, 128); !errors.Is(err, errNoMemory) {
		t.Errorf("more than there is: %v", err)
	}
	if err := other.ReserveMemory(256<<10, firstWindow); err != nil {
		t.Errorf("a first window: %v", err)
	}
	other.Done()
	one.Done()
	if n := left.Load(); n != maxMore {
		t.Errorf("%d of %d are left", n, maxMore)
	}
}

package p2p

import (
	"math"
	"testing"
	"time"
)

// A member cannot make another one look as if it had been heard of in the future.
func TestAgesOfRecords(t *testing.T) {
	now := time.Now()
	for age, want := range map[int64]time.Duration{0: 0, 1500: 1500 * time.Millisecond, -1: 0, math.MinInt64: 0} {
		if got := now.Sub(recordNotice{Age: age}.seen(now)); got != want {
			t.Errorf("age %d: heard of %s ago, want %s", age, got, want)
		}
	}
	for _, age := range []int64{math.MaxInt64, math.MaxInt64 / 1_000_000, math.MaxInt64/1_000_000 + 1, 1 << 60} {
		if got := (recordNotice{Age: age}).seen(now); now.Sub(got) < 365*24*time.Hour {
			t.Errorf("age %d: heard of at %s", age, got)
		}
	}
}

package job

import (
	"testing"
	"time"
)

// A lender holds enough to be busy until it is heard of again: by what it got done,
// and by how long its tasks took, which shows as soon as one has ended.
func TestDepth(t *testing.T) {
	for want, l := range map[int]Lender{
		4:   {Slots: 2},
		51:  {Slots: 1, Took: 10 * time.Millisecond},
		6:   {Slots: 3, Took: time.Minute},
		52:  {Slots: 2, Speed: 100, Proven: true},
		102: {Slots: 2, Speed: 1, Proven: true, Took: 10 * time.Millisecond},
		3:   {Slots: 2, Speed: 0.1, Proven: true, Took: time.Minute},
	} {
		if got := depth(l); got != want {
			t.Errorf("%+v: %d, want %d", l, got, want)
		}
	}
}

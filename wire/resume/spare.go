package resume

import "sync/atomic"

// maxSpare is what all connections of a process hold at most of bytes beyond
// minWindow each way.
const maxSpare = 256 << 20

// spare is what is left of that.
var spare = func() *budget { b := &budget{}; b.left.Store(maxSpare); return b }()

type budget struct{ left atomic.Int64 }

func (b *budget) take(n int64) bool {
	if b.left.Add(-n) >= 0 {
		return true
	}
	b.give(n)
	return false
}

func (b *budget) give(n int64) { b.left.Add(n) }

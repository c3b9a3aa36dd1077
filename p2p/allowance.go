package p2p

import (
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// allowance bounds how often each member may ask for something.
type allowance struct {
	each   int // within the window
	window time.Duration

	mu    sync.Mutex // guards asked
	asked map[peer.ID][]time.Time
}

func newAllowance(each int, window time.Duration) *allowance {
	return &allowance{each: each, window: window, asked: map[peer.ID][]time.Time{}}
}

// allow counts an ask, unless the member asked too often.
func (a *allowance) allow(p peer.ID, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for id, times := range a.asked {
		times = slices.DeleteFunc(times, func(t time.Time) bool { return now.Sub(t) > a.window })
		if a.asked[id] = times; len(times) == 0 {
			delete(a.asked, id)
		}
	}
	if len(a.asked[p]) >= a.each {
		return false
	}
	a.asked[p] = append(a.asked[p], now)
	return true
}

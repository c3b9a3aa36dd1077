package node

import (
	"log/slog"
	"sync"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// refusals counts who was turned away. Each is counted; log lines and events
// have a bound, so that a member that is refused ten thousand times a second
// fills neither disk nor event ring.
type refusals struct {
	log     *slog.Logger
	publish func(api.Event)

	mu     sync.Mutex // guards what follows
	total  int64
	window time.Time // when the current second began
	told   int       // in it
}

// toldPerSecond is how many refusals a second are logged and published.
const toldPerSecond = 10

func (r *refusals) note(who, what, why string) {
	if !r.count(time.Now()) {
		return
	}
	r.log.Warn("refused", "caller", who, "route", what, "reason", why)
	r.publish(api.Event{Type: api.EventRefused, Msg: who + " was refused " + what + ": " + why})
}

// count counts one and says whether it is to be told.
func (r *refusals) count(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.total++
	if now.Sub(r.window) >= time.Second {
		r.window, r.told = now, 0
	}
	r.told++
	return r.told <= toldPerSecond
}

func (r *refusals) sum() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.total
}

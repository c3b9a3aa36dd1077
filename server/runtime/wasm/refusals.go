package wasm

import (
	"sync"
	"time"
)

const (
	refuseFor   = 10 * time.Minute // a machine that was busy may manage the next time
	maxRefusals = 256
)

// refusals remembers for a while which modules could not be compiled and why, so
// that whoever asks again does not have the same done for nothing. Its zero value
// is ready.
type refusals struct {
	mu  sync.Mutex // guards all
	all map[string]refusal
}

type refusal struct {
	err   error
	until time.Time
}

// get is why the module cannot be compiled, or nil if that is not known.
func (r *refusals) get(hash string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f, ok := r.all[hash]; ok && time.Now().Before(f.until) {
		return f.err
	}
	return nil
}

func (r *refusals) add(hash string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil {
		r.all = map[string]refusal{}
	}
	now, oldest := time.Now(), ""
	for h, f := range r.all {
		if now.After(f.until) {
			delete(r.all, h)
		} else if oldest == "" || f.until.Before(r.all[oldest].until) {
			oldest = h
		}
	}
	if len(r.all) >= maxRefusals {
		delete(r.all, oldest)
	}
	r.all[hash] = refusal{err, now.Add(refuseFor)}
}

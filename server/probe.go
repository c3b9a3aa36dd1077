package server

import (
	"context"
	"reflect"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
)

// probeEvery is how often runtimes that come and go are looked for.
const probeEvery = 5 * time.Second

// probe asks a runtime what it can do here and keeps the answer. Its error is
// that ctx ended.
func (s *Server) probe(ctx context.Context, r runtime.Runtime) error {
	info, err := r.Probe(ctx)
	if ctx.Err() != nil { // asked to stop; that says nothing about the runtime
		return ctx.Err()
	}
	if err != nil {
		s.log.Error("a runtime cannot be probed", "runtime", r.Name(), "err", err)
		info = api.RuntimeInfo{Name: r.Name(), Missing: []string{err.Error()}}
	}
	s.mu.Lock()
	defer s.unlock()
	was := s.infos[r.Name()]
	if reflect.DeepEqual(was, info) {
		return nil
	}
	s.infos[r.Name()] = info
	if !s.up {
		return nil
	}
	word := "works again"
	if !info.Available {
		word = "does not work any more"
	}
	s.log.Warn("a runtime changed", "runtime", r.Name(), "available", info.Available, "missing", info.Missing)
	s.emitLocked(api.Event{Type: api.EventLend, Msg: "runtime " + string(r.Name()) + " " + word})
	s.dispatchLocked()
	s.reshareLocked()
	s.dirty = true
	return nil
}

// probeUntil notices runtimes that came or went, until ctx ends.
func (s *Server) probeUntil(ctx context.Context) {
	t := time.NewTicker(probeEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
		for _, r := range s.runtimes {
			if m, ok := r.(runtime.Mortal); ok && m.Changed(ctx) {
				_ = s.probe(ctx, r) // that ctx ended is seen above
			}
		}
	}
}

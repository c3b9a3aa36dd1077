package gateway

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/mapping"
	"github.com/Akilan1999/p2p-rendering-computation/wire/resume"
)

// Why a mapping is over that its mapper needs not be told of.
var (
	errOver  = api.Errorf(api.KindCanceled, "its member let it go, or stopped")
	errAway  = api.Errorf(api.KindCanceled, "the connection to its member broke")
	errAgain = api.Errorf(api.KindCanceled, "its member asked for it anew")
)

// carries is the mapping that a member asks for again because its path broke, or nil.
func (g *Gateway) carries(from api.Caller, req mapping.Map) *carried {
	g.mu.Lock()
	defer g.mu.Unlock()
	m := g.by[key{from.Peer, req.ID}]
	if m == nil || m.first == 0 || m.ctx.Err() != nil || !m.req.Lasting || !req.Lasting || m.first != req.First && req.Domain == "" ||
		m.req.Domain != req.Domain || m.req.Network != req.Network || m.req.Ports != req.Ports || !slices.Equal(m.req.Allow, req.Allow) {
		return nil
	}
	return m
}

// hold has the mapping held by st, until that breaks, another takes its place or the
// mapping is over, which its mapper may say: then st ends when the mapping is gone.
func (m *carried) hold(st wire.Stream, w *wire.Writer) {
	m.heldBy(st)
	m.holding.Lock() // the one before ends now
	var last wire.Kind
	_ = st.SetWriteDeadline(time.Now().Add(mapping.Silence))
	if w.Send(mapping.KindReady, m.ready()) == nil {
		last = m.heed(st, w)
	}
	m.holding.Unlock()
	m.lost(st, last)
	if err := context.Cause(m.ctx); err != nil && api.KindOf(err) != api.KindCanceled {
		fail(st, w, err)
	}
	if last != 0 && m.ctx.Err() != nil {
		<-m.gone // whoever wants its place or its domain next may have it
	}
	_ = st.Reset()
}

// heed reads beats and sends them, and what a domain waits for. It gives the mapper's
// last word, 0 if it had none.
func (m *carried) heed(st wire.Stream, w *wire.Writer) (last wire.Kind) {
	var beats sync.WaitGroup
	defer beats.Wait()
	done := make(chan struct{})
	defer close(done)
	beats.Go(func() {
		beat := time.NewTicker(mapping.Beat)
		defer beat.Stop()
		say := func(kind wire.Kind, v any) {
			_ = st.SetWriteDeadline(time.Now().Add(mapping.Silence))
			_ = w.Send(kind, v) // that it broke shows in the read
		}
		m.keepLanes()
		var changed <-chan struct{}
		if m.site != nil {
			changed = m.site.Changed()
			say(mapping.KindState, mapping.State{Waits: m.site.Waits()})
		}
		for {
			select {
			case <-done:
				return
			case <-m.ctx.Done():
				_ = st.SetReadDeadline(time.Now()) // whoever reads is told
				return
			case <-beat.C:
				say(mapping.KindBeat, struct{}{})
				m.keepLanes()
			case <-changed:
				say(mapping.KindState, mapping.State{Waits: m.site.Waits()})
			}
		}
	})
	for r := wire.NewReader(st, mapping.MaxFrame); ; {
		_ = st.SetReadDeadline(time.Now().Add(mapping.Silence))
		if m.ctx.Err() != nil {
			return 0
		}
		kind, _, err := r.Next()
		if err != nil {
			return 0
		}
		if kind != mapping.KindBeat {
			return kind
		}
	}
}

// keepLanes has lanes ready for the connections that come.
func (m *carried) keepLanes() {
	if m.req.Lasting && m.req.Network != "udp" {
		m.g.cfg.Dial.KeepLanes(m.from.Peer)
	}
}

// heldBy notes by which stream a mapping is held; the one before is left.
func (m *carried) heldBy(st wire.Stream) {
	m.g.mu.Lock()
	old := m.control
	m.control = st
	if m.patience != nil {
		m.patience.Stop()
	}
	m.g.mu.Unlock()
	if old != nil {
		_ = old.Reset()
	}
}

// lost notes that a stream holds the mapping no more. Its mapper has a while to come
// back, if it can do that and had no last word.
func (m *carried) lost(st wire.Stream, last wire.Kind) {
	m.g.mu.Lock()
	defer m.g.mu.Unlock()
	if m.control != st {
		return
	}
	m.control = nil
	m.left = last == mapping.KindLeave
	switch {
	case last != 0:
		m.end(errOver)
	case !m.req.Lasting || m.ctx.Err() != nil:
		m.end(errAway)
	default:
		m.patience = time.AfterFunc(resume.Grace, func() { m.end(errAway) })
	}
}

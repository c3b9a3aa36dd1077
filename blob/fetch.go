package blob

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// flight is one blob being fetched for all who want it.
type flight struct {
	id     api.BlobID
	of     api.BlobID // the folder that it came to be fetched for by a convoy, if it was
	done   chan struct{}
	err    error // valid once done is closed
	cancel context.CancelFunc

	// Guarded by Exchange.mu.
	wanted  int
	sources []api.PeerID // not yet tried, in the order in which to try them
	offered map[api.PeerID]bool
}

// Fetch brings a blob into the store, from the sources in their order until one
// has it whole, and returns when it is there. Every byte is verified. Those who
// fetch one blob at the same time share one fetch, and their sources; it ends
// when none of them waits any more.
//
// KindNotFound when no source has it, KindUnavailable when those that may have
// it cannot be reached, KindCorrupt when one sent wrong bytes (it is named) and
// no other had it, KindQuota when there is no room here.
func (x *Exchange) Fetch(ctx context.Context, id api.BlobID, sources ...api.PeerID) error {
	return x.fetch(ctx, api.BlobID{}, id, sources)
}

// fetch is Fetch of a file of a convoy's folder.
func (x *Exchange) fetch(ctx context.Context, of, id api.BlobID, sources []api.PeerID) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, known, err := x.store.idx.Get(ctx, id); err != nil || known {
		return err
	}
	f, err := x.board(of, id, sources)
	if err != nil {
		return err
	}
	defer x.alight(f)
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// board joins the blob's flight or starts it.
func (x *Exchange) board(of, id api.BlobID, sources []api.PeerID) (*flight, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed {
		return nil, errClosed
	}
	f := x.flights[id]
	if f == nil {
		ctx, cancel := context.WithCancel(x.life)
		f = &flight{id: id, of: of, done: make(chan struct{}), cancel: cancel, offered: map[api.PeerID]bool{}}
		x.flights[id] = f
		x.wg.Go(func() {
			defer cancel()
			err := x.fly(ctx, f)
			x.mu.Lock()
			f.err = err
			if x.flights[id] == f {
				delete(x.flights, id)
			}
			x.mu.Unlock()
			close(f.done)
		})
	}
	f.wanted++
	for _, p := range sources {
		if !f.offered[p] {
			f.offered[p] = true
			f.sources = append(f.sources, p)
		}
	}
	return f, nil
}

func (x *Exchange) alight(f *flight) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if f.wanted--; f.wanted == 0 {
		f.cancel()
		// Nobody may board what is being given up.
		if x.flights[f.id] == f {
			delete(x.flights, f.id)
		}
	}
}

// next is the source to try now. When there is none the flight is over, and who
// comes later with another source starts a new one.
func (x *Exchange) next(f *flight) (api.PeerID, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(f.sources) == 0 {
		if x.flights[f.id] == f {
			delete(x.flights, f.id)
		}
		return "", false
	}
	p := f.sources[0]
	f.sources = f.sources[1:]
	return p, true
}

// localError is an error on our side, which no other source would mend.
type localError struct{ error }

func (e localError) Unwrap() error { return e.error }

// fly tries the sources until the blob is here.
func (x *Exchange) fly(ctx context.Context, f *flight) error {
	p := x.takePartial(f.id)
	defer func() { x.keepPartial(f.id, p) }()
	var failed failures
	broke := map[api.PeerID]bool{}
	for {
		peer, ok := x.next(f)
		if !ok {
			return failed.err(f.id)
		}
		before := int64(-1)
		if p != nil {
			before = p.have
		}
		err := x.fetchFrom(ctx, f, peer, &p)
		if err == nil {
			return nil
		}
		var local localError
		if errors.As(err, &local) {
			if p != nil { // a full disk is not filled further by what may never be finished
				err, p = errors.Join(local.error, p.discard()), nil
				return err
			}
			return local.error
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		kind := api.KindOf(err)
		if kind == api.KindCorrupt {
			x.log.Warn("a peer sent wrong bytes for a blob", "peer", peer, "blob", f.id, "err", err)
		} else {
			x.log.Debug("a source failed", "peer", peer, "blob", f.id, "err", err)
		}
		// A stream that broke may be opened again: once, and as long as it gets us further.
		further := p != nil && p.have > before
		if isBroken(err) && kind != api.KindCorrupt && kind != api.KindTimeout && (further || !broke[peer]) {
			broke[peer] = true
			x.mu.Lock()
			f.sources = append(f.sources, peer)
			x.mu.Unlock()
			continue
		}
		failed = append(failed, failure{peer, kind, err})
	}
}

// fetchFrom gets all that is missing from one source. What it got is in *part
// when it fails.
func (x *Exchange) fetchFrom(ctx context.Context, f *flight, peer api.PeerID, part **partial) error {
	p := *part
	if p == nil {
		l, a, err := x.ask(ctx, peer, askMsg{ID: f.id, Of: f.of, Tail: true})
		if err != nil {
			return err
		}
		slice, err := a.wait(ctx)
		if err != nil {
			return err
		}
		size, tail, err := verifyTail(slice, f.id)
		if err != nil {
			l.fail(err)
			return err
		}
		if size <= InlineMax {
			e := inlineEntry(tail, FetchedFor)
			if err := x.store.putInline(ctx, []api.BlobEntry{e}); err != nil {
				return localError{err}
			}
			return nil
		}
		if p, err = x.begin(ctx, size, tail); err != nil {
			return localError{err}
		}
		*part = p
	}
	if err := x.body(ctx, f.id, peer, p); err != nil {
		return err
	}
	*part = nil
	done := &pending{file: p.file, name: p.file.Name(), id: f.id, size: p.size, room: p.room}
	if err := x.store.place(ctx, FetchedFor, done); err != nil {
		return localError{err}
	}
	return nil
}

// body asks for the ranges between what is here and the tail, several at a
// time, and verifies and writes them in order.
func (x *Exchange) body(ctx context.Context, id api.BlobID, peer api.PeerID, p *partial) error {
	tail, _ := tailRange(p.size)
	if p.have >= tail {
		return nil
	}
	slot := x.slot(peer)
	defer x.leave(peer, slot)
	for _, turn := range []chan struct{}{slot.large, x.large} {
		select {
		case turn <- struct{}{}:
			defer func() { <-turn }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	type piece struct {
		*ask
		n int64
	}
	var l *link // all on one stream: when it breaks, what has come is used before another is opened
	var flying []piece
	var broken error
	for asked := p.have; p.have < tail; {
		for asked < tail && len(flying) < fetchWindow && broken == nil {
			m := askMsg{ID: id, Off: asked, Len: min(maxRange, tail-asked)}
			var a *ask
			if l == nil {
				l, a, broken = x.ask(ctx, peer, m)
			} else {
				a, broken = l.start(ctx, m)
			}
			if broken == nil {
				flying = append(flying, piece{a, m.Len})
				asked += m.Len
			}
		}
		if len(flying) == 0 {
			return broken
		}
		next := flying[0]
		flying = flying[1:]
		slice, err := next.wait(ctx)
		if err != nil {
			return err
		}
		if err := p.write(slice, id, next.n); err != nil {
			if api.KindOf(err) == api.KindCorrupt {
				l.fail(err)
			}
			return err
		}
	}
	return nil
}

// failures are what went wrong with each source.
type failures []failure

type failure struct {
	peer api.PeerID
	kind api.Kind
	err  error
}

func (f failures) err(id api.BlobID) error {
	if len(f) == 0 {
		return api.Errorf(api.KindNotFound, "no source for blob %s", id)
	}
	kind := api.KindNotFound
	var words []string
	for _, one := range f {
		switch {
		case one.kind == api.KindCorrupt:
			kind = api.KindCorrupt
		case one.kind != api.KindNotFound && kind == api.KindNotFound:
			kind = api.KindUnavailable
		}
		if words = append(words, fmt.Sprintf("%s: %v", one.peer.Short(), one.err)); len(words) == 5 && len(f) > 5 {
			words = append(words, fmt.Sprintf("and %d more", len(f)-5))
			break
		}
	}
	return api.Errorf(kind, "no source gave blob %s (%s)", id, strings.Join(words, "; "))
}

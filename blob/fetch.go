package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"lukechampine.com/blake3/bao"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// flight is one blob being fetched for all who want it.
type flight struct {
	id     api.BlobID
	done   chan struct{}
	err    error // valid once done is closed
	cancel context.CancelFunc

	// Guarded by Exchange.mu.
	wanted  int
	sources []api.PeerID // not yet tried, in the order in which to try them
	offered map[api.PeerID]bool
}

// partial is the verified beginning of a large blob: its first have bytes and
// its tail are in the file.
type partial struct {
	file  *os.File
	size  int64
	have  int64
	room  *reservation
	since time.Time // when its fetch ended
}

func (p *partial) discard() error {
	p.room.release()
	if p.file == nil {
		return nil
	}
	err := errors.Join(p.file.Close(), os.Remove(p.file.Name()))
	p.file = nil
	return err
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
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, known, err := x.store.idx.Get(ctx, id); err != nil || known {
		return err
	}
	f, err := x.board(id, sources)
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
func (x *Exchange) board(id api.BlobID, sources []api.PeerID) (*flight, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed {
		return nil, errClosed
	}
	f := x.flights[id]
	if f == nil {
		ctx, cancel := context.WithCancel(x.life)
		f = &flight{id: id, done: make(chan struct{}), cancel: cancel, offered: map[api.PeerID]bool{}}
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

func (x *Exchange) next(f *flight) (api.PeerID, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(f.sources) == 0 {
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
		err := x.fetchFrom(ctx, f.id, peer, &p)
		if err == nil {
			return nil
		}
		var local localError
		if errors.As(err, &local) {
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
func (x *Exchange) fetchFrom(ctx context.Context, id api.BlobID, peer api.PeerID, part **partial) error {
	p := *part
	if p == nil {
		l, a, err := x.ask(ctx, peer, askMsg{ID: id, Tail: true})
		if err != nil {
			return err
		}
		slice, err := a.wait(ctx)
		if err != nil {
			return err
		}
		size, tail, err := verifyTail(slice, id)
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
	if err := x.body(ctx, id, peer, p); err != nil {
		return err
	}
	*part = nil
	done := &pending{file: p.file, name: p.file.Name(), id: id, size: p.size, room: p.room}
	if err := x.store.place(ctx, FetchedFor, done); err != nil {
		return localError{err}
	}
	return nil
}

// begin makes room for a blob of a proven size and writes its tail.
func (x *Exchange) begin(ctx context.Context, size int64, tail []byte) (*partial, error) {
	p := &partial{size: size, room: &reservation{s: x.store, want: size}}
	err := p.room.take(ctx)
	if api.KindOf(err) == api.KindQuota { // what broken fetches hold goes first
		if err = x.dropPartials(func(*partial) bool { return true }); err == nil {
			err = p.room.take(ctx)
		}
	}
	if err == nil {
		p.file, err = x.store.temp()
	}
	if err == nil {
		off, _ := tailRange(size)
		if _, werr := p.file.WriteAt(tail, off); werr != nil {
			err = diskError("write a blob", werr)
		}
	}
	if err != nil {
		return nil, errors.Join(err, p.discard())
	}
	return p, nil
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

// write verifies the slice of the next n bytes and appends them.
func (p *partial) write(slice []byte, id api.BlobID, n int64) error {
	wrong := api.Errorf(api.KindCorrupt, "it sent bytes that are not the blob's")
	if sliceSize(slice) != p.size {
		return wrong
	}
	out := bytes.NewBuffer(make([]byte, 0, n))
	data := bytes.NewReader(slice)
	ok, err := bao.DecodeSlice(out, data, groupLog, uint64(p.have), uint64(n), id)
	if !ok || err != nil || data.Len() > 0 || int64(out.Len()) != n {
		return wrong
	}
	if _, err := p.file.WriteAt(out.Bytes(), p.have); err != nil {
		return localError{diskError("write a blob", err)}
	}
	p.have += n
	return nil
}

// verifyTail proves a blob's size and returns its last group.
func verifyTail(slice []byte, id api.BlobID) (size int64, tail []byte, err error) {
	size = sliceSize(slice)
	off, n := tailRange(max(size, 0))
	out := bytes.NewBuffer(make([]byte, 0, n))
	data := bytes.NewReader(slice)
	if size == 0 && inlineEntry(nil, 0).ID == id && len(slice) == 8 {
		return 0, nil, nil // the format proves nothing about no bytes
	}
	if size > 0 {
		ok, derr := bao.DecodeSlice(out, data, groupLog, uint64(off), uint64(n), id)
		if ok && derr == nil && data.Len() == 0 && int64(out.Len()) == n {
			return size, out.Bytes(), nil
		}
	}
	return 0, nil, api.Errorf(api.KindCorrupt, "it sent bytes that are not the blob's")
}

// takePartial continues what an earlier fetch has left.
func (x *Exchange) takePartial(id api.BlobID) *partial {
	x.mu.Lock()
	defer x.mu.Unlock()
	p := x.broken[id]
	delete(x.broken, id)
	return p
}

// keepPartial keeps the beginning of a blob whose fetch has failed; the oldest
// one makes place.
func (x *Exchange) keepPartial(id api.BlobID, p *partial) {
	if p == nil {
		return
	}
	p.since = time.Now()
	var drop *partial
	x.mu.Lock()
	switch {
	case p.have == 0 || x.closed || x.broken[id] != nil:
		drop = p
	case len(x.broken) == partialMax:
		oldest := id
		for other, b := range x.broken {
			if drop == nil || b.since.Before(drop.since) {
				oldest, drop = other, b
			}
		}
		delete(x.broken, oldest)
		x.broken[id] = p
	default:
		x.broken[id] = p
	}
	x.mu.Unlock()
	if drop != nil {
		if err := drop.discard(); err != nil {
			x.log.Error("drop what a broken fetch left", "err", err)
		}
	}
}

func (x *Exchange) dropPartials(old func(*partial) bool) error {
	var drop []*partial
	x.mu.Lock()
	for id, p := range x.broken {
		if old(p) {
			drop = append(drop, p)
			delete(x.broken, id)
		}
	}
	x.mu.Unlock()
	var err error
	for _, p := range drop {
		err = errors.Join(err, p.discard())
	}
	return err
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

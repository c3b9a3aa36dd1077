package image

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

// maxServed bounds the streams of one member.
const maxServed = 8

// Serve answers one request of a member. The caller has checked that from is one.
func (k *Keeper) Serve(ctx context.Context, from api.Caller, st wire.Stream) {
	stop := context.AfterFunc(ctx, func() { _ = st.Reset() }) // whoever reads or writes is told
	err := k.serve(ctx, from, st)
	if stop() {
		err = errors.Join(err, st.Close())
	}
	if err != nil {
		k.cfg.Log.Debug("image stream ended", "peer", from.Peer, "err", err)
	}
}

func (k *Keeper) serve(ctx context.Context, from api.Caller, st wire.Stream) error {
	w, r := wire.NewWriter(st, maxFrame), wire.NewReader(st, maxFrame)
	if err := st.SetDeadline(time.Now().Add(silence)); err != nil {
		return err
	}
	kind, payload, err := r.Next()
	if err != nil {
		return err
	}
	var src source
	if err := wire.Decode(payload, &src); err != nil {
		return err
	}
	if err := src.check(); err != nil {
		return err
	}
	if err := st.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	leave, err := k.enter(from.Peer)
	if err != nil {
		return w.Send(kindFail, failure(err))
	}
	defer leave()
	work, cancel := context.WithCancel(ctx)
	defer cancel()
	var gone sync.WaitGroup
	gone.Go(func() { // nothing more is sent to us: it ends when who asked went away
		_, _, _ = r.Next()
		cancel()
	})
	b := bulletin{st: st, w: w, news: make(chan struct{}, 1)}
	var done source
	err = b.during(func() error {
		var err error
		done, err = k.answer(work, from, kind, src, b.set)
		return err
	})
	if derr := st.SetReadDeadline(time.Unix(1, 0)); derr != nil {
		return derr
	}
	gone.Wait()
	if derr := st.SetWriteDeadline(time.Now().Add(silence)); derr != nil {
		return derr
	}
	if err != nil {
		k.cfg.Log.Info("an image was refused or failed", "image", src.Image, "peer", from.Peer, "err", err)
		return w.Send(kindFail, failure(err))
	}
	return w.Send(kindDone, done)
}

func (k *Keeper) answer(ctx context.Context, from api.Caller, kind wire.Kind, src source, state func(stateMsg)) (source, error) {
	switch kind {
	case kindWant:
		if !k.offered(src.Image) {
			return source{}, api.Errorf(api.KindNotFound, "image %s is not offered here", src.Image.Short())
		}
		img, err := k.packed(ctx, src.Image)
		return source{Image: src.Image, Tree: img.Tree, Bytes: img.Bytes, Peers: k.rank(src.Image, from.Peer)}, err
	case kindTake:
		if src.Tree.IsZero() {
			return source{}, api.Errorf(api.KindCorrupt, "malformed message about an image")
		}
		there, err := k.take(ctx, from, src, state)
		return source{Image: src.Image, There: there}, err
	}
	return source{}, wire.UnknownKind(kind)
}

func (k *Keeper) enter(peer api.PeerID) (leave func(), err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.serving[peer] == maxServed {
		return nil, api.Errorf(api.KindQuota, "%d images of yours are under way here, which is the most", maxServed)
	}
	k.serving[peer]++
	return func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.serving[peer]--; k.serving[peer] == 0 {
			delete(k.serving, peer)
		}
	}, nil
}

// bulletin tells who waits how it stands.
type bulletin struct {
	st   wire.Stream
	w    *wire.Writer
	news chan struct{} // one slot: the state is another
	mu   sync.Mutex    // guards now
	now  stateMsg
}

func (b *bulletin) set(m stateMsg) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.now.State != m.State {
		select {
		case b.news <- struct{}{}:
		default: // there is news already
		}
	}
	b.now = m
}

// during sends the state when it is another, and every now and then, until work
// ends, and returns its error.
func (b *bulletin) during(work func() error) error {
	done := make(chan error, 1)
	go func() { done <- work() }()
	tick := time.NewTicker(stateEvery)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-tick.C:
		case <-b.news:
		}
		b.mu.Lock()
		m := b.now
		b.mu.Unlock()
		if b.st.SetWriteDeadline(time.Now().Add(silence)) != nil || b.w.Send(kindState, m) != nil {
			_ = b.st.Reset() // the reader finds out, and ends the work
		}
	}
}

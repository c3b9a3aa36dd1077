package mapping

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/mapping"
)

const (
	askWait   = 10 * time.Second // for a gateway to listen or refuse
	sayWait   = 2 * time.Second  // for a last word to go
	retryLow  = 200 * time.Millisecond
	retryHigh = 10 * time.Second
)

// keep has a mapping at a gateway until ctx is done, it expires, or a gateway's
// owner closes it. first, if given, hears once whether any gateway took it; if none
// did, that is the end.
func (b *Book) keep(ctx context.Context, e *entry, first chan<- error) {
	defer func() {
		b.mu.Lock()
		b.letLocked(e, "")
		b.mu.Unlock()
		if first != nil {
			first <- api.Errorf(api.KindUnavailable, "this node is stopping")
		}
	}()
	if !e.page.Expires.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadlineCause(ctx, e.page.Expires, fmt.Errorf("its time is up: %w", errLetGo))
		defer cancel()
	}
	for wait := retryLow; ctx.Err() == nil && e.page.Closed == ""; {
		err := b.ask(ctx, e, func(st wire.Stream) error {
			err := b.notOwn(&e.page) // once more: where this node is the gateway it listens now
			if err == nil {
				err = b.cfg.Store.Save(ctx, string(e.page.ID), e.page)
			}
			fresh := first != nil
			if fresh {
				first <- err
				first = nil
			}
			switch {
			case err == nil:
				wait = retryLow
				return b.hold(ctx, e, st)
			case fresh && e.page.Spec.Domain != "": // nobody was told that he has it
				lastWord(st, mapping.KindLeave)
			default:
				lastWord(st, mapping.KindOver)
			}
			return err
		})
		if first != nil {
			first <- err
			first = nil
			return
		}
		if ctx.Err() != nil && api.KindOf(err) != api.KindWithdrawn {
			err = context.Cause(ctx) // what broke then was ended here
		}
		b.note(ctx, e, err)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
		wait = min(2*wait, retryHigh)
	}
	if e.page.Closed != "" && !e.page.Expires.IsZero() {
		<-ctx.Done()
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		b.expire(ctx, e)
	}
}

// note writes down why a mapping is not open.
func (b *Book) note(ctx context.Context, e *entry, why error) {
	b.mu.Lock()
	e.open, e.reason = false, why.Error()
	if api.KindOf(why) == api.KindWithdrawn {
		e.page.Closed = why.Error()
		b.letLocked(e, "")
	}
	page := e.page
	b.mu.Unlock()
	if page.Closed != "" {
		e.cut()
	}
	b.cfg.Log.Info("a mapping is not open", "mapping", page.ID, "gateway", page.Gateway, "reason", why)
	if page.Closed != "" {
		if err := b.cfg.Store.Save(context.WithoutCancel(ctx), string(page.ID), page); err != nil {
			b.cfg.Log.Error("that a mapping was closed could not be written down", "err", err)
		}
	}
}

// expire forgets a mapping whose time is up.
func (b *Book) expire(ctx context.Context, e *entry) {
	if err := b.cfg.Store.Drop(context.WithoutCancel(ctx), string(e.page.ID)); err != nil {
		b.cfg.Log.Error("a mapping that expired could not be forgotten", "err", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.entries, e.page.ID)
}

// ask goes to the gateways until one takes the mapping, calls held with it, and
// returns when that does, or why none took it.
func (b *Book) ask(ctx context.Context, e *entry, held func(wire.Stream) error) error {
	var failed []error
	for _, gw := range b.gateways(e) {
		st, ready, err := b.askOne(ctx, e, gw)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		b.mu.Lock()
		e.open, e.reason, e.host = true, "", ready.Host
		e.page.Gateway, e.page.First = gw, ready.First
		b.letLocked(e, gw)
		b.mu.Unlock()
		err = held(st)
		_ = st.Reset()
		return err
	}
	switch len(failed) {
	case 0:
		return api.Errorf(api.KindNobody, "no member that can be reached lets others map ports").
			WithHint("on a machine with a public address: p2prc lend policy allow YOU listen:8000-8999")
	case 1:
		return failed[0]
	}
	return api.Errorf(api.KindOf(failed[0]), "none of %d gateways takes it: %w", len(failed), errors.Join(failed...)).WithHint("%s", api.HintOf(failed[0]))
}

// gateways are the members to ask, the best first: the one that had it last, then
// public ones, then those near.
func (b *Book) gateways(e *entry) []api.PeerID {
	if e.page.Via != "" {
		return []api.PeerID{e.page.Via}
	}
	if e.page.Spec.Domain != "" && e.page.Gateway != "" { // there its DNS leads
		return []api.PeerID{e.page.Gateway}
	}
	peers := slices.DeleteFunc(b.cfg.Peers(), func(p api.Peer) bool {
		return !p.Gateway || p.State != api.PeerAlive && p.State != api.PeerSelf
	})
	worth := func(p api.Peer) int {
		switch {
		case p.ID == e.page.Gateway:
			return 0
		case p.Reach == api.ReachPublic:
			return 1
		}
		return 2
	}
	latency := func(p api.Peer) api.Duration {
		if p.Latency == 0 && p.State != api.PeerSelf { // never measured
			return math.MaxInt64
		}
		return p.Latency
	}
	slices.SortStableFunc(peers, func(x, y api.Peer) int {
		if d := worth(x) - worth(y); d != 0 {
			return d
		}
		return cmp.Compare(latency(x), latency(y))
	})
	var ids []api.PeerID
	for _, p := range peers {
		ids = append(ids, p.ID)
	}
	return ids
}

// askOne asks one gateway: for the ports it had, if it had some that nobody chose,
// and if they are taken for any.
func (b *Book) askOne(ctx context.Context, e *entry, gw api.PeerID) (wire.Stream, mapping.Ready, error) {
	p := e.page
	req := p.request()
	if req.Domain != "" {
		return b.send(ctx, gw, req)
	}
	if p.Spec.Public == 0 && p.First != 0 {
		req.First = p.First
		if st, ready, err := b.send(ctx, gw, req); err == nil || api.KindOf(err) != api.KindConflict && api.KindOf(err) != api.KindDenied {
			return st, ready, err
		}
		req.First = 0
	}
	if !p.Spec.Any {
		req.Prefer = p.Spec.Port
	}
	return b.send(ctx, gw, req)
}

// send asks, and waits for the answer.
func (b *Book) send(ctx context.Context, gw api.PeerID, req mapping.Map) (_ wire.Stream, ready mapping.Ready, err error) {
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	st, err := b.cfg.Dial.OpenStream(ctx, gw, mapping.Protocol)
	if err != nil {
		return nil, ready, err
	}
	defer func() {
		if err != nil {
			_ = st.Reset()
		}
	}()
	deadline, _ := ctx.Deadline()
	_ = st.SetDeadline(deadline) // a stream without deadlines is in memory
	if err := wire.NewWriter(st, mapping.MaxFrame).Send(mapping.KindMap, req); err != nil {
		return nil, ready, lost(err)
	}
	kind, payload, err := wire.ReadOne(st, mapping.MaxFrame)
	switch {
	case err != nil:
		return nil, ready, lost(err)
	case kind == mapping.KindFail:
		return nil, ready, problem(payload)
	case kind != mapping.KindReady:
		return nil, ready, wire.UnknownKind(kind)
	}
	if err := wire.Decode(payload, &ready); err != nil {
		return nil, ready, err
	}
	if ready.First < 1 || ready.First > 65536-req.Ports || len(ready.Host) > 253 {
		return nil, ready, api.Errorf(api.KindCorrupt, "the gateway's answer makes no sense")
	}
	return st, ready, st.SetDeadline(time.Time{})
}

func lost(err error) error {
	return api.Errorf(api.KindUnavailable, "the connection to the gateway broke: %w", err)
}

func problem(payload []byte) error {
	var p api.Problem
	if err := wire.Decode(payload, &p); err != nil {
		return err
	}
	return p.Err()
}

// hold keeps an open mapping's stream until it breaks, and says why; or until ctx is
// done, and then the gateway is told what that means.
func (b *Book) hold(ctx context.Context, e *entry, st wire.Stream) error {
	err := b.heed(ctx, e, st)
	switch {
	case ctx.Err() == nil:
	case e.page.Spec.Domain != "" && errors.Is(context.Cause(ctx), errLetGo):
		lastWord(st, mapping.KindLeave)
	default:
		lastWord(st, mapping.KindOver)
	}
	return err
}

// lastWord tells a gateway that it needs not wait for another stream.
func lastWord(st wire.Stream, kind wire.Kind) {
	_ = st.SetDeadline(time.Now().Add(sayWait))
	if wire.NewWriter(st, mapping.MaxFrame).Send(kind, struct{}{}) == nil {
		_, _ = io.Copy(io.Discard, st) // a reset would overtake it
	}
}

// heed sends beats and reads what a gateway says until ctx is done or the stream ends.
func (b *Book) heed(ctx context.Context, e *entry, st wire.Stream) error {
	beats, done := make(chan struct{}), make(chan struct{})
	defer func() { <-beats }()
	defer close(done)
	go func() {
		defer close(beats)
		w, beat := wire.NewWriter(st, mapping.MaxFrame), time.NewTicker(mapping.Beat)
		defer beat.Stop()
		for {
			select {
			case <-done:
				return
			case <-ctx.Done():
				_ = st.SetReadDeadline(time.Now()) // whoever reads is told
				return
			case <-beat.C:
				_ = st.SetWriteDeadline(time.Now().Add(mapping.Silence))
				_ = w.Send(mapping.KindBeat, struct{}{}) // that it broke shows in the read
			}
		}
	}()
	for r := wire.NewReader(st, mapping.MaxFrame); ; {
		_ = st.SetReadDeadline(time.Now().Add(mapping.Silence))
		if ctx.Err() != nil {
			return ctx.Err()
		}
		kind, payload, err := r.Next()
		switch {
		case err != nil:
			return lost(err)
		case kind == mapping.KindFail:
			return problem(payload)
		case kind == mapping.KindState:
			b.state(e, payload)
		case kind != mapping.KindBeat:
			return wire.UnknownKind(kind)
		}
	}
}

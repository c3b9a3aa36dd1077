package blob

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

// Serve answers a member's requests on one stream until it ends. The caller has
// checked that from is a member.
func (x *Exchange) Serve(ctx context.Context, from api.Caller, st wire.Stream) {
	err := x.serve(ctx, from, st)
	if err != nil && ctx.Err() == nil && x.life.Err() == nil {
		x.log.Debug("blob stream ended", "peer", from.Peer, "err", err)
	}
}

func (x *Exchange) serve(ctx context.Context, from api.Caller, st wire.Stream) error {
	if err := x.enter(from.Peer); err != nil {
		return errors.Join(err, st.Reset())
	}
	defer x.exit(from.Peer)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(x.life, cancel)()
	ended := context.AfterFunc(ctx, func() {
		if err := st.Reset(); err != nil {
			x.log.Debug("reset a blob stream", "peer", from.Peer, "err", err)
		}
	})
	s := server{x: x, from: from.Peer, st: st, r: wire.NewReader(st, maxAsk), w: wire.NewWriter(st, maxFrame)}
	err := s.loop(ctx)
	if ended() && err == nil {
		return st.Close()
	}
	return errors.Join(err, st.Reset())
}

func (x *Exchange) enter(peer api.PeerID) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed {
		return errClosed
	}
	if x.serves[peer] == serveMax {
		return api.Errorf(api.KindQuota, "more than %d blob streams at a time", serveMax)
	}
	x.serves[peer]++
	x.wg.Add(1)
	return nil
}

func (x *Exchange) exit(peer api.PeerID) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.serves[peer]--; x.serves[peer] == 0 {
		delete(x.serves, peer)
	}
	x.wg.Done()
}

// server is the answering side of one stream.
type server struct {
	x    *Exchange
	from api.PeerID
	st   wire.Stream
	r    *wire.Reader
	w    *wire.Writer
	buf  []byte // the answer being built
}

// loop ends with nil when the other side is done asking.
func (s *server) loop(ctx context.Context) error {
	for {
		if s.r.Buffered() == 0 { // answers wait for each other only while more requests are here
			if err := s.flush(); err != nil {
				return err
			}
			if err := s.st.SetReadDeadline(time.Now().Add(serveIdle)); err != nil {
				return err
			}
		}
		kind, payload, err := s.r.Next()
		if err != nil {
			return errors.Join(ignoreEOF(err), s.flush())
		}
		if kind != kindGet {
			return wire.UnknownKind(kind)
		}
		var m askMsg
		if err := wire.Decode(payload, &m); err != nil {
			return err
		}
		if err := m.check(); err != nil {
			return err
		}
		if err := s.answer(ctx, m); err != nil {
			return err
		}
	}
}

func (m askMsg) check() error {
	const most = 1 << 56
	if m.ID.IsZero() || !m.Tail && (m.Off < 0 || m.Off > most || m.Off%groupSize != 0 || m.Len < 1 || m.Len > maxRange) {
		return api.Errorf(api.KindCorrupt, "malformed request")
	}
	return nil
}

func (s *server) flush() error {
	if err := s.st.SetWriteDeadline(time.Now().Add(serveWrite)); err != nil {
		return err
	}
	return s.w.Flush()
}

func (s *server) answer(ctx context.Context, m askMsg) error {
	slice, err := s.slice(ctx, m)
	if derr := s.st.SetWriteDeadline(time.Now().Add(serveWrite)); derr != nil {
		return derr
	}
	if err == nil {
		s.x.count(s.from, len(slice))
		return s.w.Buffer(kindData, slice)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	kind := api.KindOf(err)
	if kind != api.KindNotFound {
		s.x.log.Warn("cannot serve a blob", "blob", m.ID, "err", err)
	}
	return s.w.Send(kindFail, failMsg{Kind: kind, Msg: api.ProblemOf(err, false).Detail})
}

// slice builds the answer; it is valid until the next one.
func (s *server) slice(ctx context.Context, m askMsg) ([]byte, error) {
	if err := s.arrivals(ctx, m.Of, m.ID); err != nil {
		return nil, err
	}
	e, err := s.x.store.get(ctx, m.ID)
	if err != nil {
		return nil, err
	}
	off, n := m.Off, m.Len
	if m.Tail {
		off, n = tailRange(e.Size)
	} else if n = min(n, e.Size-off); n <= 0 {
		return nil, api.Errorf(api.KindInvalid, "blob %s has no byte %d", m.ID, off)
	}
	if e.Inline {
		s.buf, err = extractSlice(s.buf[:0], inlineReader{bytes.NewReader(e.Data)}, nil, e.Size, off, n)
		return s.buf, err
	}
	f, err := s.x.store.Open(m.ID)
	if err != nil {
		return nil, err
	}
	defer f.Close() // read only: nothing is lost
	if e.Size <= groupSize {
		s.buf, err = extractSlice(s.buf[:0], f, nil, e.Size, off, n)
		return s.buf, err
	}
	tree, err := s.tree(ctx, e, f)
	if err != nil {
		return nil, err
	}
	defer tree.Close() // the same
	s.buf, err = extractSlice(s.buf[:0], f, tree, e.Size, off, n)
	return s.buf, err
}

// arrivals waits, with WAITs, first for a convoy's manifest, so that its files are
// expected here, then for the file.
func (s *server) arrivals(ctx context.Context, ids ...api.BlobID) error {
	for _, id := range ids {
		s.x.mu.Lock()
		a := s.x.coming[id]
		s.x.mu.Unlock()
		if a == nil {
			continue
		}
		if err := s.arrival(ctx, id, a); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) arrival(ctx context.Context, id api.BlobID, a *arrival) error {
	if err := s.flush(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	here := make(chan error, 1)
	if !s.x.start(func() { here <- s.x.await(ctx, id, a) }) {
		return errClosed
	}
	return s.waits(here)
}

// tree opens the cached hash tree, computing it first if need be, one at a time
// for all streams and with WAITs meanwhile.
func (s *server) tree(ctx context.Context, e api.BlobEntry, data *os.File) (*os.File, error) {
	path := s.x.store.outboard(e.ID)
	f, err := os.Open(path)
	if err == nil || !errors.Is(err, os.ErrNotExist) {
		return f, err
	}
	ctx, cancel := context.WithCancel(ctx)
	built := make(chan error, 1)
	ok := s.x.start(func() {
		select {
		case s.x.trees <- struct{}{}:
			defer func() { <-s.x.trees }()
		case <-ctx.Done():
			built <- ctx.Err()
			return
		}
		if _, err := os.Stat(path); err == nil {
			built <- nil // another stream was first
			return
		}
		built <- s.x.store.buildOutboard(ctx, e.ID, data, e.Size)
	})
	if !ok {
		cancel()
		return nil, errClosed
	}
	err = s.waits(built)
	cancel()
	if err != nil {
		return nil, err
	}
	return os.Open(path)
}

// waits returns what comes from built, keeping the asker patient.
func (s *server) waits(built <-chan error) error {
	tick := time.NewTicker(waitEvery)
	defer tick.Stop()
	var broken error
	for {
		select {
		case err := <-built:
			return errors.Join(err, broken)
		case <-tick.C:
			if broken == nil {
				if broken = s.st.SetWriteDeadline(time.Now().Add(serveWrite)); broken == nil {
					broken = s.w.Write(kindWait, nil)
				}
			}
		}
	}
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

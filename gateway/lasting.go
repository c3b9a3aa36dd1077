package gateway

import (
	"context"
	"crypto/rand"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/splice"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/mapping"
	"github.com/Akilan1999/p2p-rendering-computation/wire/resume"
	"github.com/Akilan1999/p2p-rendering-computation/wire/tunnel"
)

// connect is to the mapper, for a client. Where the mapper can do that, it goes on over
// another path when its own breaks.
func (m *carried) connect(ctx context.Context, begin mapping.Begin) (splice.Stream, error) {
	if m.req.Lasting {
		begin.Token = rand.Text()
	}
	st, err := m.reach(ctx, begin)
	if err != nil || begin.Token == "" {
		return st, err
	}
	return resume.Dialed(st, func(ctx context.Context, got int64) (wire.Stream, int64, error) {
		return m.again(ctx, tunnel.Resume{Token: begin.Token, Got: got})
	}), nil
}

// again takes a connection up on another stream.
func (m *carried) again(ctx context.Context, what tunnel.Resume) (_ wire.Stream, theirs int64, err error) {
	st, err := m.g.cfg.Dial.OpenStream(ctx, m.from.Peer, mapping.Carry)
	if err != nil {
		return nil, 0, err
	}
	stop := context.AfterFunc(ctx, func() { _ = st.Reset() }) // a read may wait in it
	ready, err := tunnel.Ask(st, mapping.KindResume, what)
	if !stop() {
		err = api.Errorf(api.KindTimeout, "the mapper does not answer")
	}
	if err != nil {
		_ = st.Reset()
		return nil, 0, err
	}
	return st, ready.Got, nil
}

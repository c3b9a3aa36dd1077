package forward

import (
	"context"
	"net"
	"net/netip"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/datagrams"
	"github.com/Akilan1999/p2p-rendering-computation/wire/tunnel"
)

// maxQueued bounds the bytes of one forward's datagrams that wait for the peer.
const maxQueued = 16 << 20

// datagrams is Run for UDP.
func (r *run) datagrams(ctx context.Context, local string, tell func(api.ForwardEvent) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	pc, err := net.ListenPacket("udp", local)
	if err != nil {
		return cannotListen(local, err)
	}
	flows := datagrams.Flows{Conn: pc.(*net.UDPConn), Kind: tunnel.KindDatagram, Room: datagrams.NewRoom(maxQueued), Begin: func(netip.AddrPort, context.CancelFunc) datagrams.Flow {
		if r.open.Load() >= maxOpen {
			r.fail(api.Errorf(api.KindQuota, "%d flows are open, which is the most", maxOpen))
			return nil
		}
		r.open.Add(1)
		r.total.Add(1)
		return sender{r}
	}}
	r.conns.Go(func() { flows.Run(ctx) })
	err = r.report(ctx, pc.LocalAddr().String(), tell)
	cancel()
	r.conns.Wait()
	return err
}

// sender is what one local address sends and gets.
type sender struct{ *run }

// Open connects to the target, which for datagrams is a peer's.
func (f sender) Open(ctx context.Context) (wire.Stream, error) {
	st, err := f.flow(ctx)
	if err != nil && ctx.Err() == nil {
		f.fail(err)
	}
	return st, err
}

func (f sender) Count(in, out int) { f.in.Add(int64(in)); f.out.Add(int64(out)) }
func (f sender) End()              { f.open.Add(-1) }

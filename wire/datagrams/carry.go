package datagrams

import (
	"context"
	"errors"
	"net"
	"sync"
	"syscall"

	"github.com/Akilan1999/p2p-rendering-computation/internal/splice"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

// Carry is the other end of a flow: between a stream and a connected socket, until
// the stream ends or ctx is done. It closes both. count is told bytes to and from
// the socket.
func Carry(ctx context.Context, st splice.Stream, kind wire.Kind, target net.Conn, count func(in, out int)) {
	stop := context.AfterFunc(ctx, func() { _ = target.Close(); _ = st.Reset() }) // a read or a write may wait in either
	defer stop()
	var back sync.WaitGroup
	back.Go(func() {
		w := wire.NewWriter(st, Max)
		buf := make([]byte, Max)
		for {
			n, err := target.Read(buf)
			if errors.Is(err, syscall.ECONNREFUSED) {
				continue // nobody listens now: the next datagram may find somebody
			}
			if err != nil {
				_ = st.Reset()
				return
			}
			count(0, n)
			if w.Write(kind, buf[:n]) != nil {
				return
			}
		}
	})
	for r := wire.NewReader(st, Max); ; {
		k, p, err := r.Next()
		if err != nil || k != kind {
			break
		}
		count(len(p), 0)
		_, _ = target.Write(p) // a datagram may be lost
	}
	_ = target.Close()
	_ = st.Reset() // what comes back goes nowhere, and may wait in a write
	back.Wait()
}

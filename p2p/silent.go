package p2p

import (
	"context"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
)

// leaveSilent closes the direct connections to a member on which nothing comes any
// more, when there is another one, fresh, on which something did. Who has another address, as
// behind a router that was started anew, comes back at once, and here the old connection breaks
// without a word: what uses it would wait until pings find that out, a machine that
// is busy for longest, though neither it nor the member is slow.
func (s *session) leaveSilent(fresh network.Conn) {
	for _, old := range s.provedConns(fresh.RemotePeer()) {
		if old == fresh || relayed(old.RemoteMultiaddr()) || !s.beginListening(old) {
			continue
		}
		s.go_(func() {
			defer s.endListening(old)
			s.leaveIfSilent(old, fresh)
		})
	}
}

// beginListening says whether a connection is not listened to for its silence yet.
func (s *session) beginListening(c network.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, under := s.listening[c]; under {
		return false
	}
	s.listening[c] = struct{}{}
	return true
}

func (s *session) endListening(c network.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listening, c)
}

// leaveIfSilent has a ping on the old connection wait for as long as pings do where no
// patience is needed, and takes its silence for the end of the connection only
// if a ping on the new one, sent after that, comes back before it.
func (s *session) leaveIfSilent(old, fresh network.Conn) {
	const wait = pingTime + probeTime
	try := probeTime + s.patience()
	ctx, cancel := context.WithTimeout(s.ctx, wait+try+time.Second)
	defer cancel()
	heard := make(chan struct{})
	s.go_(func() {
		defer close(heard) // of its end, too
		if _, err := pingOn(ctx, old); err != nil {
			s.log.Debug("ping", "peer", old.RemotePeer().String(), "err", err)
		}
	})
	select {
	case <-heard:
		return
	case <-ctx.Done():
		return
	case <-time.After(wait):
	}
	now, stop := context.WithTimeout(ctx, try)
	defer stop()
	if _, err := pingOn(now, fresh); err != nil {
		return
	}
	select {
	case <-heard:
		return
	default:
	}
	s.log.Debug("left a silent connection", "peer", old.RemotePeer().String(), "addr", old.RemoteMultiaddr().String())
	if err := old.Close(); err != nil {
		s.log.Debug("close", "err", err)
	}
	s.closed(old) // libp2p tells later
}

// pingOn has a ping go over exactly this connection. ctx has a deadline.
func pingOn(ctx context.Context, c network.Conn) (time.Duration, error) {
	st, err := openOn(ctx, c, pingProtocol)
	if err != nil {
		return 0, err
	}
	d, _, err := roundTrip(st)
	if rerr := st.Reset(); err == nil {
		err = rerr
	}
	return d, err
}

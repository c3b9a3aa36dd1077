package p2p

import (
	"sync/atomic"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// paths are the kinds of path that carry something, best first.
var paths = [...]api.PathKind{api.PathDirectTCP, api.PathDirectQUIC, api.PathRelayed}

// traffic counts what this node's protocols sent to and received from a member,
// by the kind of path.
type traffic [len(paths)]struct{ sent, received atomic.Int64 }

func (t *traffic) view() []api.Traffic {
	var out []api.Traffic
	for i, p := range paths {
		if s, r := t[i].sent.Load(), t[i].received.Load(); s+r > 0 {
			out = append(out, api.Traffic{Path: p, Sent: s, Received: r})
		}
	}
	return out
}

// trafficOf is a member's count; it lasts as long as the session.
func (s *session) trafficOf(pid peer.ID) *traffic {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.traffic[pid]
	if t == nil {
		t = &traffic{}
		s.traffic[pid] = t
	}
	return t
}

// counted is a stream whose bytes are counted.
type counted struct {
	network.Stream
	sent, received *atomic.Int64
}

func (s *session) count(st network.Stream) network.Stream {
	t := s.trafficOf(st.Conn().RemotePeer())
	kind := pathOf(st.Conn())
	for i, p := range paths {
		if p == kind {
			return &counted{st, &t[i].sent, &t[i].received}
		}
	}
	return st
}

// Read implements io.Reader.
func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Stream.Read(b)
	c.received.Add(int64(n))
	return n, err
}

// Write implements io.Writer.
func (c *counted) Write(b []byte) (int, error) {
	n, err := c.Stream.Write(b)
	c.sent.Add(int64(n))
	return n, err
}

package session

import (
	"context"
	"io"
	"net"
	"time"

	"github.com/libp2p/go-yamux/v5"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// maxSessions is the most sessions at once in one container.
const maxSessions = 256

func muxConfig(incoming uint32) *yamux.Config {
	c := yamux.DefaultConfig()
	c.LogOutput, c.AcceptBacklog, c.MaxIncomingStreams = io.Discard, maxSessions, incoming
	// A stopped engine or a frozen container is silent for as long as its owner
	// wants; a dead one ends the stream.
	c.EnableKeepAlive, c.ConnectionWriteTimeout, c.MeasureRTTInterval = false, 365*24*time.Hour, 365*24*time.Hour
	return c
}

// Mux is the lender's connection to the agent in one container. It is safe for
// concurrent use.
type Mux struct{ s *yamux.Session }

// Connect speaks to an agent in mode session over conn, which it owns.
func Connect(conn net.Conn) (*Mux, error) {
	s, err := yamux.Client(conn, muxConfig(0), nil) // an agent opens no streams
	if err != nil {
		return nil, err
	}
	return &Mux{s}, nil
}

// Open begins a session.
func (m *Mux) Open(ctx context.Context) (net.Conn, error) {
	if m.s.NumStreams() >= maxSessions {
		return nil, api.Errorf(api.KindQuota, "%d sessions are open in this container, which is the most", maxSessions)
	}
	st, err := m.s.Open(ctx)
	if err != nil {
		return nil, &api.Error{Kind: api.KindLost, Msg: "the container's agent is gone", Err: err}
	}
	return st, nil
}

// Gone is closed when the connection has ended.
func (m *Mux) Gone() <-chan struct{} { return m.s.CloseChan() }

// Close ends every session.
func (m *Mux) Close() error { return m.s.Close() }

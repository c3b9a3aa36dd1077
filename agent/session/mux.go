package session

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-yamux/v5"

	"github.com/Akilan1999/p2p-rendering-computation/agent/near"
	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire/session"
)

const (
	maxSessions     = 256      // at once in one container
	maxStreamWindow = 2 << 20  // bytes of a session that wait at either end: 256 KiB, and more where its reader keeps up
	firstWindow     = 255      // yamux's priority for it
	maxMore         = 64 << 20 // of all sessions together at the lender, beyond the 256 KiB of each
)

func muxConfig(incoming uint32) *yamux.Config {
	c := yamux.DefaultConfig()
	c.LogOutput, c.AcceptBacklog, c.MaxIncomingStreams = io.Discard, maxSessions, incoming
	// A stopped engine or a frozen container is silent for as long as its owner
	// wants; a dead one ends the stream.
	c.EnableKeepAlive, c.ConnectionWriteTimeout, c.MeasureRTTInterval = false, 365*24*time.Hour, 365*24*time.Hour
	c.MaxStreamWindowSize, c.ReadBufSize = maxStreamWindow, 64<<10
	return c
}

// Mux is the lender's connection to the agent in one container. It is safe for
// concurrent use.
type Mux struct {
	s    *yamux.Session
	life *yamux.Session // whose end is the agent's; s itself, or what s is a shorter way than
}

// Connect speaks to an agent in mode session over conn, which it owns.
func Connect(conn net.Conn) (*Mux, error) {
	s, err := speak(conn)
	if err != nil {
		return nil, err
	}
	return &Mux{s, s}, nil
}

// Shorten has the sessions go to the agent directly, where its process is on this
// machine, as find says, and this one may reach into it. It is called before Open.
func (m *Mux) Shorten(ctx context.Context, find func() (pid int, err error)) error {
	first, err := m.Open(ctx)
	if err != nil {
		return err
	}
	c := session.NewClient(first)
	_, err = c.Main(ctx) // its answer says that the agent is there
	_ = c.Close()        // nothing more is asked
	if err != nil && ctx.Err() != nil {
		return err
	}
	conn, err := near.Take(find)
	if err != nil {
		return err
	}
	s, err := speak(conn)
	if err != nil {
		return err
	}
	m.s = s
	return nil
}

func speak(conn net.Conn) (*yamux.Session, error) {
	left := new(atomic.Int64)
	left.Store(maxMore)
	return yamux.Client(conn, muxConfig(0), func() (yamux.MemoryManager, error) { return window{left, new(atomic.Int64)}, nil }) // an agent opens no streams
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
func (m *Mux) Close() error { return errors.Join(m.s.Close(), m.life.Close()) }

// window grows a session's window at the lender, out of what is left for all
// sessions of the container.
type window struct{ left, held *atomic.Int64 }

var errNoMemory = errors.New("the container's sessions keep as much waiting as they may")

// ReserveMemory implements yamux.MemoryManager. The first window is given.
func (w window) ReserveMemory(n int, prio uint8) error {
	if prio == firstWindow {
		return nil
	}
	if w.left.Add(-int64(n)) < 0 {
		w.left.Add(int64(n))
		return errNoMemory
	}
	w.held.Add(int64(n))
	return nil
}

// ReleaseMemory implements yamux.MemoryManager.
func (w window) ReleaseMemory(n int) {
	w.held.Add(-int64(n))
	w.left.Add(int64(n))
}

// Done implements yamux.MemoryManager.
func (w window) Done() { w.left.Add(w.held.Swap(0)) }

package session

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/libp2p/go-yamux/v5"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/bufpipe"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/session"
)

// Serve serves sessions on conn until it ends, and returns when nothing of them is left.
func Serve(conn net.Conn, c Config) error {
	s, err := yamux.Server(conn, muxConfig(maxSessions), nil)
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	defer all.Wait()
	defer s.Close()
	for {
		st, err := s.AcceptStream()
		if err != nil {
			return nil // the connection's end is this process's
		}
		all.Go(func() {
			one := &guest{conn: st, r: wire.NewReader(st, session.MaxRequest), w: wire.NewWriter(st, session.MaxAnswer), cfg: c}
			one.serve()
		})
	}
}

// lastWord is how long the other side has to read a session's last frame.
const lastWord = 10 * time.Second

// guest is the agent's end of one session.
type guest struct {
	conn *yamux.Stream
	r    *wire.Reader
	w    *wire.Writer
	cfg  Config
	in   *bufpipe.End  // what listen feeds; nil until then
	over chan struct{} // closed when listen has read its last
}

func (g *guest) serve() {
	err := g.request()
	if err != nil {
		m := session.Fail{Kind: api.KindOf(err), Msg: session.Clean(err.Error())}
		err = g.w.Send(session.KindFail, m)
	}
	if err != nil || g.conn.CloseWrite() != nil || g.conn.SetReadDeadline(time.Now().Add(lastWord)) != nil {
		_ = g.conn.Reset() // nobody reads any more
		return
	}
	// Until the client closes, so that the last frame is not cut off; what it
	// still sends is for nobody.
	if g.in != nil {
		_ = g.in.Close() // cannot fail
		<-g.over
	}
	_, _ = io.Copy(io.Discard, g.conn)
	_ = g.conn.Close()
}

func (g *guest) request() error {
	kind, payload, err := g.r.Next()
	if err != nil {
		return err
	}
	if kind != session.KindRequest {
		return wire.UnknownKind(kind)
	}
	var req session.Request
	if err := wire.Decode(payload, &req); err != nil {
		return err
	}
	switch req.Kind {
	case session.KindExec, session.KindShell, session.KindSFTP:
		return g.exec(req)
	case session.KindPut:
		return g.files(req, g.put)
	case session.KindGet:
		return g.files(req, g.get)
	case session.KindDial:
		return g.dial(req)
	case session.KindInfo:
		m, err := readMain()
		if err != nil {
			return err
		}
		return g.w.Send(session.KindMain, m)
	}
	return api.Errorf(api.KindUnsupported, "the agent knows no request %q", session.Clean(req.Kind))
}

// events are what a session's reader hands to who runs it.
type events struct {
	resize func(session.Size)
	signal func(name string)
	ended  func() // the stream has ended, whoever ended it
}

// listen reads the session's frames until its stream ends. What is input can be
// read from the returned end, which gives credit for it.
func (g *guest) listen(ev events) io.Reader {
	near, far := bufpipe.Pair(session.Window)
	g.in, g.over = near, make(chan struct{})
	go func() {
		defer close(g.over)
		err := g.frames(far, ev)
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			_ = far.Reset() // half an input must not look whole
		}
		ev.ended()
	}()
	return &creditor{End: near, g: g}
}

func (g *guest) frames(in *bufpipe.End, ev events) error {
	for {
		kind, payload, err := g.r.Next()
		if err != nil {
			return err
		}
		switch {
		case kind == session.KindInput && len(payload) == 0:
			err = in.CloseWrite()
		case kind == session.KindInput:
			_, err = in.Write(payload)
			if errors.Is(err, io.ErrClosedPipe) {
				err = nil // the command does not read any more
			}
		case kind == session.KindResize && ev.resize != nil:
			var s session.Size
			if err = wire.Decode(payload, &s); err == nil {
				ev.resize(s)
			}
		case kind == session.KindSignal && ev.signal != nil:
			var s session.Signal
			if err = wire.Decode(payload, &s); err == nil {
				ev.signal(s.Name)
			}
		default:
			err = wire.UnknownKind(kind)
		}
		if err != nil {
			return err
		}
	}
}

// creditor gives credit for the input that is read, not for every piece of it: the
// client may send on as long as three quarters of its window are free.
type creditor struct {
	*bufpipe.End
	g    *guest
	owed int
}

func (c *creditor) Read(p []byte) (int, error) {
	n, err := c.End.Read(p)
	if c.owed += n; c.owed >= session.Window/4 {
		// A failed write shows in the reads that follow.
		_ = c.g.w.Send(session.KindCredit, session.Credit{N: c.owed})
		c.owed = 0
	}
	return n, err
}

// frameWriter makes frames of one kind of what is written.
type frameWriter struct {
	w    *wire.Writer
	kind wire.Kind
}

func (f frameWriter) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		part := p[:min(len(p), session.Chunk)]
		if err := f.w.Write(f.kind, part); err != nil {
			return n, err
		}
		n += len(part)
		p = p[len(part):]
	}
	return n, nil
}

// untilEnd is a context that ends with the session's stream.
func untilEnd() (context.Context, events) {
	ctx, cancel := context.WithCancel(context.Background())
	return ctx, events{ended: cancel}
}

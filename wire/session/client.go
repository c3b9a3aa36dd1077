package session

import (
	"cmp"
	"context"
	"errors"
	"io"
	"sync"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

// Client is the borrower's end of one session. Its methods are safe for
// concurrent use, but only one of Exec, Put, Get, Dial and Main is called, once.
type Client struct {
	conn io.ReadWriteCloser
	r    *wire.Reader
	w    *wire.Writer

	mu     sync.Mutex // guards the rest
	cond   *sync.Cond
	window int
	ended  bool
}

// NewClient speaks the protocol over conn, which it owns from then on.
func NewClient(conn io.ReadWriteCloser) *Client {
	c := &Client{conn: conn, r: wire.NewReader(conn, MaxAnswer), w: wire.NewWriter(conn, MaxRequest), window: Window}
	c.cond = sync.NewCond(&c.mu)
	return c
}

// Close ends the session: everything it started in the container is killed.
func (c *Client) Close() error {
	c.mu.Lock()
	c.ended = true
	c.cond.Broadcast()
	c.mu.Unlock()
	return c.conn.Close()
}

// Streams are a command's. A slow writer slows the command down.
type Streams struct {
	Stdin  io.Reader // nil: empty
	Stdout io.Writer
	Stderr io.Writer
}

// Exec runs a command to its end: req's Kind is exec, which is also the empty one,
// shell or sftp. The error is not the command's failure, which is in the exit only. It
// returns while a read of Stdin may still wait: that goroutine ends with the read.
func (c *Client) Exec(ctx context.Context, req Request, s Streams) (api.Exit, error) {
	req.Kind, req.Stdin = cmp.Or(req.Kind, KindExec), s.Stdin != nil
	return c.run(ctx, req, s)
}

// Put unpacks a tar stream in the container, as req's Path, Name and Dir say.
func (c *Client) Put(ctx context.Context, req Request, tar io.Reader) error {
	req.Kind = KindPut
	_, err := c.run(ctx, req, Streams{Stdin: tar})
	return err
}

// Get writes a tar stream of what is at req's Path in the container to tar: a
// folder's content, or one file, as the tar's only entry with the file's name.
// The bytes are a stranger's; [Unpack] reads them safely.
func (c *Client) Get(ctx context.Context, req Request, tar io.Writer) error {
	req.Kind = KindGet
	_, err := c.run(ctx, req, Streams{Stdout: tar})
	return err
}

// Dial connects in to something that listens in the container: in is copied to
// it and what it says to out, until it ends the connection.
func (c *Client) Dial(ctx context.Context, address string, in io.Reader, out io.Writer) error {
	_, err := c.run(ctx, Request{Kind: KindDial, Address: address}, Streams{Stdin: in, Stdout: out})
	return err
}

// Main asks for the state of the container's main command.
func (c *Client) Main(ctx context.Context) (m Main, err error) {
	defer c.until(ctx)()
	if err := c.w.Send(KindRequest, Request{Kind: KindInfo}); err != nil {
		return m, c.why(ctx, err)
	}
	kind, payload, err := c.r.Next()
	switch {
	case err != nil:
		return m, c.why(ctx, err)
	case kind == KindFail:
		return m, failure(payload)
	case kind != KindMain:
		return m, wire.UnknownKind(kind)
	}
	if err := wire.Decode(payload, &m); err != nil {
		return m, err
	}
	m.Exit = exitOf(m.Exit)
	return m, nil
}

// Resize tells the terminal's new size.
func (c *Client) Resize(s Size) error { return c.w.Send(KindResize, s) }

// Signal sends a signal, by its name without SIG, to the command.
func (c *Client) Signal(name string) error { return c.w.Send(KindSignal, Signal{Name: name}) }

// until closes the session when ctx is done.
func (c *Client) until(ctx context.Context) (stop func()) {
	after := context.AfterFunc(ctx, func() { _ = c.Close() }) // what is read next says so
	return func() { after() }
}

func (c *Client) run(ctx context.Context, req Request, s Streams) (api.Exit, error) {
	defer c.until(ctx)()
	if err := c.w.Send(KindRequest, req); err != nil {
		return api.Exit{}, c.why(ctx, err)
	}
	sent := make(chan error, 1)
	if s.Stdin != nil {
		go func() { sent <- c.pump(s.Stdin) }()
	}
	exit, err := c.receive(s)
	c.mu.Lock()
	c.ended = true
	c.cond.Broadcast()
	c.mu.Unlock()
	if err == nil {
		return exit, nil
	}
	err = c.why(ctx, err)
	select {
	case serr := <-sent:
		if serr != nil && !errors.Is(serr, errStream) {
			err = serr // what the input said explains the broken session
		}
	default:
	}
	return exit, err
}

var errStream = errors.New("the session's stream broke")

// pump sends input as far as the window allows.
func (c *Client) pump(in io.Reader) error {
	buf := make([]byte, Chunk)
	for {
		n, rerr := in.Read(buf)
		if n > 0 {
			if !c.take(n) {
				return nil
			}
			if c.w.Write(KindInput, buf[:n]) != nil {
				return errStream
			}
		}
		switch {
		case errors.Is(rerr, io.EOF):
			if c.w.Write(KindInput, nil) != nil {
				return errStream
			}
			return nil
		case rerr != nil:
			_ = c.Close() // half an input must not look whole
			return rerr
		}
	}
}

// take waits until n bytes may be sent; false when the session has ended.
func (c *Client) take(n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.window < n && !c.ended {
		c.cond.Wait()
	}
	c.window -= n
	return !c.ended
}

// receive reads until exit or fail.
func (c *Client) receive(s Streams) (api.Exit, error) {
	for {
		kind, payload, err := c.r.Next()
		if err != nil {
			return api.Exit{}, err
		}
		switch kind {
		case KindOutput:
			err = write(s.Stdout, payload)
		case KindStderr:
			err = write(s.Stderr, payload)
		case KindCredit:
			err = c.credit(payload)
		case KindExit:
			var e api.Exit
			if err := wire.Decode(payload, &e); err != nil {
				return e, err
			}
			return exitOf(e), nil
		case KindFail:
			return api.Exit{}, failure(payload)
		default:
			err = wire.UnknownKind(kind)
		}
		if err != nil {
			return api.Exit{}, err
		}
	}
}

// write writes p, or ends w where that can be said and p is the end.
func write(w io.Writer, p []byte) error {
	if half, ok := w.(interface{ CloseWrite() error }); ok && len(p) == 0 {
		return half.CloseWrite()
	}
	if w == nil || len(p) == 0 {
		return nil
	}
	_, err := w.Write(p)
	return err
}

func (c *Client) credit(payload []byte) error {
	var m Credit
	if err := wire.Decode(payload, &m); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if m.N < 0 || m.N > Window || c.window+m.N > Window {
		return &api.Error{Kind: api.KindCorrupt, Msg: "the container gave credit for bytes that were never sent"}
	}
	c.window += m.N
	c.cond.Broadcast()
	return nil
}

// why is err as the caller should see it.
func (c *Client) why(ctx context.Context, err error) error {
	var known *api.Error
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &known):
		return known
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &api.Error{Kind: api.KindLost, Msg: "the session ended early: the container or its node is gone"}
	}
	return &api.Error{Kind: api.KindLost, Msg: "the session broke", Err: err}
}

func failure(payload []byte) error {
	var m Fail
	if err := wire.Decode(payload, &m); err != nil {
		return err
	}
	switch m.Kind {
	case api.KindNotFound, api.KindInvalid, api.KindConflict, api.KindDenied, api.KindQuota, api.KindTooLarge, api.KindUnavailable, api.KindUnsupported, api.KindWithdrawn:
	default: // the others mean something about the caller's own machine
		m.Kind = api.KindLost
	}
	return &api.Error{Kind: m.Kind, Msg: Clean(m.Msg)}
}

// exitOf fits what a guest says into what an exit can be.
func exitOf(e api.Exit) api.Exit {
	if e.Code < 0 || e.Code > 255 {
		e.Code = 255
	}
	sig := Clean(e.Signal)
	return api.Exit{Code: e.Code, Signal: sig[:min(len(sig), 40)], Msg: Clean(e.Msg)}
}

package forward

import (
	"context"
	"io"
	"net"
	"strconv"

	"github.com/Akilan1999/p2p-rendering-computation/internal/splice"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/session"
)

// inside is a connection to a port of a container, through a session in it.
type inside struct {
	session *session.Client
	in      *io.PipeWriter
	out     *io.PipeReader
	cancel  context.CancelFunc
	done    chan struct{} // closed when the session has ended
}

var _ splice.Stream = (*inside)(nil)

// dialInside begins one; that nothing listens there shows in its first read, and
// late is told.
func dialInside(st wire.Stream, port int, late func(error)) *inside {
	ctx, cancel := context.WithCancel(context.Background())
	stdin, in := io.Pipe()
	out, stdout := io.Pipe()
	c := &inside{session: session.NewClient(st), in: in, out: out, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		err := c.session.Dial(ctx, net.JoinHostPort("localhost", strconv.Itoa(port)), stdin, stdout)
		if err != nil && ctx.Err() == nil {
			late(err)
		}
		_ = stdout.CloseWithError(err) // nil: EOF
		_ = stdin.CloseWithError(io.ErrClosedPipe)
		_ = c.session.Close()
	}()
	return c
}

func (c *inside) Read(p []byte) (int, error)  { return c.out.Read(p) }
func (c *inside) Write(p []byte) (int, error) { return c.in.Write(p) }

// CloseWrite ends what goes in.
func (c *inside) CloseWrite() error { return c.in.Close() }

// Reset ends the session.
func (c *inside) Reset() error {
	c.cancel()
	_ = c.out.CloseWithError(io.ErrClosedPipe) // cannot fail
	_ = c.in.CloseWithError(io.ErrClosedPipe)
	return c.session.Close()
}

// Close ends the session and waits for it: who closes has read all.
func (c *inside) Close() error {
	err := c.Reset()
	<-c.done
	return err
}

package door

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/bufpipe"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

// Upgrade makes the connection, by HTTP/1.1's upgrade to protocol, a two-way stream
// for what fn answers with, which has it until it is over or ctx is done. An error of
// fn is an ordinary answer.
func Upgrade[In any](protocol string, fn func(ctx context.Context, in *In) (take func(context.Context, wire.Stream), err error)) Handler {
	return Handler{func(h huma.API, op huma.Operation) {
		op.Responses = map[string]*huma.Response{"101": {Description: "the connection is a stream of " + protocol + " from here on"}}
		op.DefaultStatus = http.StatusSwitchingProtocols
		huma.Register(h, documented(h, op), func(ctx context.Context, in *In) (*huma.StreamResponse, error) {
			x := exchangeOf(ctx)
			if !strings.EqualFold(x.r.Header.Get("Upgrade"), protocol) {
				return nil, failed(ctx, op, api.Errorf(api.KindUnsupported, "this route is a stream: upgrade to %s", protocol))
			}
			take, err := fn(ctx, in)
			if err != nil {
				return nil, failed(ctx, op, err)
			}
			near, err := takeOver(x.w, protocol)
			if err != nil {
				take(ctx, broken()) // what it has opened it gives up
				return nil, failed(ctx, op, err)
			}
			stop := context.AfterFunc(ctx, func() { _ = near.Reset() }) // the node ends
			take(ctx, near)
			stop()
			_ = near.Close()            // it is over
			panic(http.ErrAbortHandler) // there is no answer to write any more
		})
	}}
}

// broken is a stream that is over.
func broken() wire.Stream {
	near, _ := bufpipe.Pair(0)
	_ = near.Reset() // cannot fail
	return near
}

// takeOver makes the request's connection a stream.
func takeOver(w *answer, protocol string) (*upgraded, error) {
	c, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, api.Errorf(api.KindUnsupported, "this connection cannot become a stream")
	}
	w.begun = true
	_, err = fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", protocol)
	if err = errors.Join(err, c.SetDeadline(time.Time{})); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return &upgraded{c, buf.Reader}, nil
}

// upgraded is a connection that was HTTP's; what was read ahead of it comes first.
type upgraded struct {
	net.Conn
	r *bufio.Reader
}

func (u *upgraded) Read(p []byte) (int, error) { return u.r.Read(p) }

func (u *upgraded) CloseWrite() error {
	if half, ok := u.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return u.Conn.Close()
}

func (u *upgraded) Reset() error { return u.Conn.Close() }

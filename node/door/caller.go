package door

import (
	"context"
	"net"
	"net/http"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// Permission is what a row asks of its caller.
type Permission string

// The permissions. The owner may use every row.
const (
	Own    Permission = "own"    // the home's owner only
	Member Permission = "member" // any admitted member
	Borrow Permission = "borrow" // members whose role borrows
)

// Audience is the doors a row stands behind.
type Audience string

// The audiences.
const (
	Owner Audience = "owner"
	Peer  Audience = "peer"
	Both  Audience = "both"
)

// on tells whether a row with audience a stands behind the door of kind d.
func (a Audience) on(d Audience) bool { return a == d || a == Both }

// Who is a caller as its listener made it. The zero Caller is nobody: a
// connection whose other end proved to be somebody without rights here.
type Who struct {
	api.Caller
	Nobody string // in words, when Caller is nobody: "another user of this machine (uid 1000)"
}

// String names the caller in logs and refusals.
func (w Who) String() string {
	if w.Caller == (api.Caller{}) {
		return w.Nobody
	}
	return w.Caller.String()
}

// Decide is the one place where a caller's right to a row is judged: nil, or
// KindDenied with the reason.
func (p Permission) Decide(who Who) error {
	switch {
	case who.Owner:
		return nil
	case who.Caller == (api.Caller{}):
		return api.Errorf(api.KindDenied, "only the owner of this node may use its socket").
			WithHint("run this as the user that runs the node")
	case p == Member && who.Role.Valid():
		return nil
	case p == Borrow && who.Role.Borrows():
		return nil
	case p == Borrow:
		return api.Errorf(api.KindDenied, "role %s does not borrow", who.Role)
	}
	return api.Errorf(api.KindDenied, "only the owner of this node may do this")
}

type whoKey struct{}

// whoConn is a connection that carries who is at its other end.
type whoConn struct {
	net.Conn
	who Who
}

// CloseWrite lets net/http end its side before it closes, so that an answer
// sent before the request was read to its end is not cut off.
func (c whoConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Conn.Close()
}

// connContext is the ConnContext of every door's http.Server.
func connContext(ctx context.Context, c net.Conn) context.Context {
	who := Who{Nobody: "an unknown connection"}
	if w, ok := c.(whoConn); ok {
		who = w.who
	}
	return context.WithValue(ctx, whoKey{}, who)
}

// WhoOf is the caller of a request's context.
func WhoOf(ctx context.Context) Who {
	if who, ok := ctx.Value(whoKey{}).(Who); ok {
		return who
	}
	return Who{Nobody: "an unknown connection"}
}

// As gives a handler to a caller that is known by other means than a
// connection: the owner's own process, a test.
func As(who Who, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), whoKey{}, who)))
	})
}

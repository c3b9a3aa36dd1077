package door

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// ListenOwner opens the owner's unix socket at path, replacing one that a dead
// node left: the caller holds the home's lock. Connections carry who is at the
// other end: the owner, or nobody when the system says that another user is.
func ListenOwner(path string) (net.Listener, error) {
	const longest = 103 // sun_path holds 104 bytes with the closing zero on macOS, 108 on Linux
	if len(path) > longest {
		return nil, api.Errorf(api.KindInvalid, "the home's path is too long for a socket: %s", path).
			WithHint("set P2PRC to a folder with a path of at most %d bytes", longest-len("/p2prc.sock"))
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, api.Errorf(api.KindInternal, "the old socket cannot be removed: %w", err)
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, api.Errorf(api.KindInternal, "the socket cannot be opened: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(api.Errorf(api.KindInternal, "the socket cannot be made private: %w", err), ln.Close())
	}
	return OwnerListener(ln), nil
}

// OwnerListener makes connections of a unix socket carry their caller.
func OwnerListener(ln net.Listener) net.Listener {
	return whoListener{ln, func(c net.Conn) (Who, bool) {
		uid, known, err := peerUID(c)
		switch {
		case err != nil:
			return Who{Nobody: fmt.Sprintf("a user the system does not name (%v)", err)}, true
		case !known, uid == os.Geteuid():
			return Who{Caller: api.Caller{Owner: true}}, true
		}
		return Who{Nobody: fmt.Sprintf("another user of this machine (uid %d)", uid)}, true
	}}
}

// PeerListener makes connections carry the member that callerOf finds at their
// other end; one without a member is dropped.
func PeerListener(ln net.Listener, callerOf func(net.Conn) (api.Caller, bool)) net.Listener {
	return whoListener{ln, func(c net.Conn) (Who, bool) {
		caller, ok := callerOf(c)
		return Who{Caller: caller}, ok && caller.Peer != "" && !caller.Owner
	}}
}

type whoListener struct {
	net.Listener
	judge func(net.Conn) (Who, bool)
}

// Accept waits for a connection that the listener's judge lets through.
func (l whoListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if who, ok := l.judge(c); ok {
			return whoConn{c, who}, nil
		}
		_ = c.Close() // nothing was said on it
	}
}

// Serve answers what comes in by ln until ctx is done, then ends: requests get
// a moment to finish, streams end at once. It closes ln.
func (d *Door) Serve(ctx context.Context, ln net.Listener) error {
	srv := &http.Server{
		Handler:           d,
		ConnContext:       connContext,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          slog.NewLogLogger(d.log.Handler(), slog.LevelDebug),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
	}
	if d.kind == Peer {
		srv.ReadTimeout, srv.WriteTimeout, srv.MaxHeaderBytes = 30*time.Second, time.Minute, 8<<10
	}
	var stopped sync.WaitGroup
	stop := context.AfterFunc(ctx, func() {
		defer stopped.Done()
		soon, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if err := srv.Shutdown(soon); err != nil {
			d.log.Debug("requests were cut off", "err", errors.Join(err, srv.Close()))
		}
	})
	stopped.Add(1)
	err := srv.Serve(ln)
	if stop() {
		stopped.Done() // it ended by itself: nobody will
	}
	stopped.Wait()
	if errors.Is(err, http.ErrServerClosed) && ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("%s's door: %w", d.kind, errors.Join(err, srv.Close()))
}

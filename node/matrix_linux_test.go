package node

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
	"github.com/Akilan1999/p2p-rendering-computation/node/door"
)

// asUser dials a unix socket as another user. Only this goroutine's thread
// changes its user, which is what the kernel notes for SO_PEERCRED; the thread
// ends with the goroutine.
func asUser(uid int, path string) (net.Conn, error) {
	type dialed struct {
		c   net.Conn
		err error
	}
	out := make(chan dialed)
	go func() {
		runtime.LockOSThread() // and never unlock: no other goroutine may get this thread
		if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)); errno != 0 {
			out <- dialed{nil, errno}
			return
		}
		c, err := net.Dial("unix", path)
		out <- dialed{c, err}
	}()
	d := <-out
	return d.c, d.err
}

func TestMatrixOtherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		ring.Need(t, "isolation", "only root can become another user")
	}
	const nobody = 65534
	matrix := readMatrix(t)
	target, _ := start(t, options(t, "target"))

	// The folder and the socket keep another user out before anything is said.
	if c, err := asUser(nobody, target.Socket()); !errors.Is(err, os.ErrPermission) {
		t.Errorf("another user reached the socket: %v, %v", c, err)
	}

	// Were both open, the kernel's word on who dials would.
	dir, err := os.MkdirTemp("", "open")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	path := filepath.Join(dir, "s")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(dir, 0o777), os.Chmod(path, 0o777)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- target.owner.Serve(ctx, door.OwnerListener(ln)) }()
	hc := &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return asUser(nobody, path) }}}
	column(t, "other-user", hc, "http://p2prc", matrix)
	if target.refusal.sum() < int64(len(matrix)) {
		t.Errorf("%d refusals were counted", target.refusal.sum())
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

//go:build cgo && !windows

package lib

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// stream asks a route and gives its answer as a descriptor, which is the caller's
// to close. An answer that breaks off ends with a line that says so.
func stream(n int64, method, target string, body []byte) (fd int, err error) {
	h, done, err := use(n)
	if err != nil {
		return -1, err
	}
	answer, err := h.send(method, target, body)
	if err != nil {
		done()
		return -1, err
	}
	theirs, ours, err := pair()
	if err != nil {
		done()
		return -1, errors.Join(err, answer.Close())
	}
	go func() {
		defer done()
		h.carry(ours, answer)
	}()
	return theirs, nil
}

// pair is two ends of a connection: unlike a pipe's, our end hears that theirs was
// closed. Programs that C starts inherit neither.
func pair() (theirs int, ours net.Conn, err error) {
	syscall.ForkLock.RLock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return -1, nil, api.Errorf(api.KindInternal, "no file descriptor: %w", err)
	}
	f := os.NewFile(uintptr(fds[1]), "stream")
	ours, err = net.FileConn(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return -1, nil, errors.Join(err, syscall.Close(fds[0]))
	}
	return fds[0], ours, nil
}

// carry copies an answer until it ends, its reader leaves, or the node is closed.
func (h *handle) carry(to net.Conn, answer io.ReadCloser) {
	left := make(chan struct{})
	go func() {
		defer close(left)
		_, _ = io.Copy(io.Discard, to) // until the other end is closed, or ours
		_ = answer.Close()
	}()
	stop := context.AfterFunc(h.ctx, func() { _ = to.SetWriteDeadline(time.Now()) }) // a reader that reads nothing keeps nobody
	_, err := io.Copy(to, answer)
	stop()
	if err != nil {
		_ = to.SetWriteDeadline(time.Now().Add(lastWord))
		_ = json.NewEncoder(to).Encode(api.StreamEnd{Problem: api.ProblemOf(h.broken(err), true)}) // the reader may be gone
	}
	_ = to.Close()
	<-left
}

// lastWord is how long a reader may take to make room for a stream's last line.
const lastWord = 100 * time.Millisecond

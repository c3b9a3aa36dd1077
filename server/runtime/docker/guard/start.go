package guard

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/netguard"
)

// patience bounds the wait for a holder's word; it takes well below a second on
// a machine with nothing else to do.
const patience = 30 * time.Second

// Start makes a fresh guarded namespace in the same holder: before a stopped
// guest is started again. What runs in the old namespace is cut off. The errors
// are Open's; the holder remains, without a namespace, when there is one.
func (h *Holder) Start(ctx context.Context) error {
	if err := h.Stop(ctx); err != nil {
		return err
	}
	if err := h.start(ctx); err != nil {
		return errors.Join(err, unless(missing, h.Stop(context.WithoutCancel(ctx))))
	}
	return nil
}

// Stop ends the namespace and keeps the holder: after its guest was stopped.
func (h *Holder) Stop(ctx context.Context) error {
	_, err := h.engine.ContainerKill(ctx, h.ID, client.ContainerKillOptions{})
	return unless(cerrdefs.IsConflict, err) // it does not run
}

// start waits for the word of a holder that does not run yet. It is attached to
// before it is started, so that no earlier word can be taken for this one.
func (h *Holder) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	said, err := h.engine.ContainerAttach(ctx, h.ID, client.ContainerAttachOptions{Stream: true, Stdout: true, Stderr: true})
	if err != nil {
		return err
	}
	defer said.Close()
	defer context.AfterFunc(ctx, said.Close)()
	if _, err := h.engine.ContainerStart(ctx, h.ID, client.ContainerStartOptions{}); err != nil {
		return err
	}
	return listen(ctx, said.Reader)
}

// listen reads a holder's attached stream up to its word.
func listen(ctx context.Context, stream io.Reader) error {
	var stdout word
	var stderr bytes.Buffer
	_, err := stdcopy.StdCopy(&stdout, &limited{w: &stderr, left: 4 << 10}, stream)
	switch {
	case stdout.said():
		return nil
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case ctx.Err() != nil:
		return api.Errorf(api.KindTimeout, "the guest network's guard did not get ready: %w", ctx.Err())
	case err != nil && !errors.Is(err, io.EOF):
		return api.Errorf(api.KindUnavailable, "the guest network's guard: %w", err)
	}
	why := strings.TrimPrefix(strings.TrimSpace(stderr.String()), "agent: ")
	if why == "" {
		why = "it ended without a word"
	}
	return api.Errorf(api.KindUnsupported, "this engine cannot guard a guest's network: %s", why).
		WithHint("guests can have no network (none), or the lender's own (open)")
}

// errSaid ends the copying: the rest of the stream is silence.
var errSaid = errors.New("said")

// word takes one line.
type word struct{ line []byte }

func (w *word) Write(p []byte) (int, error) {
	w.line = append(w.line, p...)
	if bytes.IndexByte(p, '\n') >= 0 || len(w.line) > 64 {
		return 0, errSaid
	}
	return len(p), nil
}

func (w *word) said() bool { return string(w.line) == netguard.Ready+"\n" }

// limited drops what is over a limit.
type limited struct {
	w    io.Writer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	keep := p[:min(len(p), l.left)]
	l.left -= len(keep)
	if _, err := l.w.Write(keep); err != nil {
		return 0, err
	}
	return len(p), nil
}

func missing(err error) bool { return cerrdefs.IsNotFound(err) }

// unless is err but for errors that are meant to be passed over.
func unless(passed func(error) bool, err error) error {
	if err != nil && passed(err) {
		return nil
	}
	return err
}

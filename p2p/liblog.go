package p2p

import (
	"context"
	"log/slog"

	"github.com/libp2p/go-libp2p/gologshim"
)

// demoted passes libp2p's log on as debug messages. What matters of it reaches
// us as an error, and it shouts about a listener that was closed on purpose.
type demoted struct{ slog.Handler }

// takeLibraryLog sends libp2p's log to h. The library has one handler for the
// process: with several nodes in it, the first one's is used.
func takeLibraryLog(h slog.Handler) {
	gologshim.SetDefaultHandler(demoted{h.WithAttrs([]slog.Attr{slog.String("lib", "libp2p")})})
}

func (d demoted) Enabled(ctx context.Context, _ slog.Level) bool {
	return d.Handler.Enabled(ctx, slog.LevelDebug)
}

func (d demoted) Handle(ctx context.Context, r slog.Record) error {
	if r.Level < slog.LevelWarn {
		return nil // its own debug messages are thousands a second
	}
	r.Level = slog.LevelDebug
	return d.Handler.Handle(ctx, r)
}

func (d demoted) WithAttrs(a []slog.Attr) slog.Handler { return demoted{d.Handler.WithAttrs(a)} }
func (d demoted) WithGroup(name string) slog.Handler   { return demoted{d.Handler.WithGroup(name)} }

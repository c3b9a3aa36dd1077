package server

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
)

// stack puts what concerns every sandbox round one. Outermost first: blame sees
// what everybody else made of an error; the log sees the command as it was run;
// the limits stand next to the runtime, so that nothing gets past them.
func (s *Server) stack(sb runtime.Sandbox, sl *slot) runtime.Sandbox {
	return blamed{
		logged{
			limited{sb, s},
			s.log.With("sandbox", sl.id, "lease", sl.loan.id),
		},
		s.cfg.Healthy,
	}
}

// limited holds a command to the owner's limits, whatever its borrower asked for.
type limited struct {
	runtime.Sandbox
	s *Server
}

func (l limited) Exec(ctx context.Context, cmd runtime.Command, io runtime.Streams) (runtime.Result, error) {
	owner := l.s.limits.Load()
	cmd.Limits.Wall = lower(cmd.Limits.Wall, time.Duration(owner.MaxWall))
	cmd.Limits.Output = lower(cmd.Limits.Output, owner.MaxOut)
	cmd.Limits.Disk = lower(cmd.Limits.Disk, owner.PerGuest.Disk)
	return l.Sandbox.Exec(ctx, cmd, io)
}

// lower is the smaller limit, 0 being none.
func lower[T ~int64](a, b T) T {
	if a == 0 || (b != 0 && b < a) {
		return b
	}
	return a
}

// logged writes what ran; never its arguments, environment or input.
type logged struct {
	runtime.Sandbox
	log *slog.Logger
}

func (l logged) Exec(ctx context.Context, cmd runtime.Command, io runtime.Streams) (runtime.Result, error) {
	res, err := l.Sandbox.Exec(ctx, cmd, io)
	if l.log.Enabled(ctx, slog.LevelDebug) {
		l.log.Debug("executed", "code", res.Exit.Code, "limit", res.Exit.Limit, "wall", res.Usage.Wall, "err", err)
	}
	return res, err
}

func (l logged) Close(ctx context.Context) error {
	err := l.Sandbox.Close(ctx)
	l.log.Debug("closed", "err", err)
	return err
}

// blamed decides whose fault it was. What the runtime reports as an error is the
// machine's; and a task that failed on a machine that is not well (its disk is
// full) is not blamed either.
type blamed struct {
	runtime.Sandbox
	healthy func() error
}

func (b blamed) Exec(ctx context.Context, cmd runtime.Command, io runtime.Streams) (runtime.Result, error) {
	res, err := b.Sandbox.Exec(ctx, cmd, io)
	switch {
	case err != nil && (ctx.Err() != nil || api.KindOf(err) == api.KindLost):
		return res, err
	case err != nil:
		return res, fmt.Errorf("the machine failed: %w", err)
	case !res.Exit.OK() && b.healthy != nil:
		if ill := b.healthy(); ill != nil {
			return res, &api.Error{Kind: api.KindInternal, Msg: "the machine is not well", Err: ill}
		}
	}
	return res, nil
}

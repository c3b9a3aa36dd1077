package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
)

// part is something that lives while a node runs. Its Run blocks until all it
// started is gone.
type part struct {
	name string
	run  func(ctx context.Context) error
}

// live starts the parts in order and, when ctx is done or one of them ends,
// stops them in reverse, each after those that came later are gone. It returns
// the first part's error that was not asked for.
func live(ctx context.Context, log *slog.Logger, parts []part) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	type started struct {
		part
		cancel context.CancelFunc
		done   chan struct{}
	}
	var (
		mu    sync.Mutex // guards fatal
		fatal error
		all   []started
	)
	for _, p := range parts {
		own, cancel := context.WithCancel(context.WithoutCancel(ctx))
		s := started{p, cancel, make(chan struct{})}
		all = append(all, s)
		go func() {
			defer close(s.done)
			err := p.run(own)
			if own.Err() != nil && (err == nil || errors.Is(err, context.Canceled)) {
				return // asked to stop, and did
			}
			if err == nil {
				err = errors.New("ended by itself")
			}
			mu.Lock()
			defer mu.Unlock()
			if own.Err() != nil {
				log.Error("a part did not stop well", "part", p.name, "err", err)
			} else if fatal == nil {
				fatal = fmt.Errorf("%s: %w", p.name, err)
			}
			stop()
		}()
	}
	<-ctx.Done()
	for _, s := range slices.Backward(all) {
		s.cancel()
		<-s.done
	}
	mu.Lock()
	defer mu.Unlock()
	return fatal
}

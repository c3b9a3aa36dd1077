package node

import (
	"context"
	"sync"
)

// tasks are goroutines with one owner that waits for them.
type tasks struct {
	ctx    context.Context
	cancel context.CancelFunc

	mu     sync.Mutex // guards closed and, against it, wg.Add
	closed bool
	wg     sync.WaitGroup
}

func newTasks() *tasks {
	t := &tasks{}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return t
}

// start runs fn, whose ctx ends when the tasks are stopped; false when they were.
func (t *tasks) start(fn func(ctx context.Context)) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.wg.Go(func() { fn(t.ctx) })
	return true
}

// run waits until ctx is done, then stops all and waits for them.
func (t *tasks) run(ctx context.Context) error {
	<-ctx.Done()
	t.stop()
	return nil
}

func (t *tasks) stop() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.cancel()
	t.wg.Wait()
}

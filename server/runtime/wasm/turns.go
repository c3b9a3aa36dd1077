package wasm

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// turns lets a few work at once, in the order in which they came, and of one
// borrower one: who sends many slow modules waits for himself, and the others
// have the rest.
type turns struct {
	all *semaphore.Weighted

	mu sync.Mutex // guards of
	of map[api.PeerID]*line
}

// line is the turns of one borrower; it exists while somebody stands in it.
type line struct {
	front *semaphore.Weighted
	n     int // who has the turn or waits for it
}

func newTurns(n int64) *turns {
	return &turns{all: semaphore.NewWeighted(n), of: map[api.PeerID]*line{}}
}

// take waits for a turn, which done ends.
func (t *turns) take(ctx context.Context, who api.PeerID) (done func(), err error) {
	l := t.join(who)
	if err := l.front.Acquire(ctx, 1); err != nil {
		t.leave(who, l)
		return nil, err
	}
	if err := t.all.Acquire(ctx, 1); err != nil {
		l.front.Release(1)
		t.leave(who, l)
		return nil, err
	}
	return func() {
		t.all.Release(1)
		l.front.Release(1)
		t.leave(who, l)
	}, nil
}

func (t *turns) join(who api.PeerID) *line {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.of[who]
	if l == nil {
		l = &line{front: semaphore.NewWeighted(1)}
		t.of[who] = l
	}
	l.n++
	return l
}

func (t *turns) leave(who api.PeerID, l *line) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l.n--; l.n == 0 {
		delete(t.of, who)
	}
}

package store

import (
	"context"
	"database/sql"
	"fmt"
	"runtime/debug"
	"sync/atomic"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// maxBatch bounds how many closures share a transaction, so that one commit
// stays short and its rollback cheap.
const maxBatch = 512

// write is one closure waiting to be made durable.
type write struct {
	fn    func(*sql.Tx) error
	state atomic.Int32 // waiting, taken by the writer, or left by its caller
	err   error        // valid once done is closed
	panic *panicked    // the same
	done  chan struct{}
}

const (
	waiting int32 = iota
	taken
	left
)

// panicked carries a closure's panic to the goroutine that called update.
type panicked struct {
	value any
	stack []byte
}

// update runs fn in a transaction and returns when its effects are durable, or
// with fn's error and none of its effects. Errors of SQLite get their Kind, see
// fault; a panic of fn surfaces in the caller.
//
// fn shares a transaction with other callers' closures, so it must be short,
// wait for nothing, keep to tx, and never commit or roll back. It may run more
// than once (when a neighbour broke the shared transaction), so it sets its
// results afresh each time.
//
// When ctx ends before fn was started, fn never runs and the context's error is
// returned. Once started the outcome is waited for: update never says canceled
// about something that became durable.
func (db *DB) update(ctx context.Context, fn func(*sql.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w := &write{fn: fn, done: make(chan struct{})}
	db.mu.Lock()
	if db.closed {
		db.mu.Unlock()
		return api.Errorf(api.KindConflict, "the node's store is closed")
	}
	db.queue = append(db.queue, w)
	db.mu.Unlock()
	db.nudge()
	select {
	case <-w.done:
	case <-ctx.Done():
		if w.state.CompareAndSwap(waiting, left) {
			return ctx.Err()
		}
		<-w.done
	}
	if w.panic != nil {
		panic(fmt.Sprintf("%v\n\nin a store closure:\n%s", w.panic.value, w.panic.stack))
	}
	return w.err
}

func (db *DB) nudge() {
	select {
	case db.wake <- struct{}{}:
	default: // somebody already did
	}
}

// write is the writer goroutine: it lives from Open until Close.
func (db *DB) write() {
	defer close(db.done)
	for range db.wake {
		for {
			db.mu.Lock()
			n := min(len(db.queue), maxBatch)
			batch := db.queue[:n:n]
			if db.queue = db.queue[n:]; len(db.queue) == 0 {
				db.queue = nil
			}
			closed := db.closed
			db.mu.Unlock()
			if n == 0 {
				if closed {
					return
				}
				break
			}
			db.commit(batch)
		}
	}
}

// commit makes a batch durable and answers it. When the shared transaction
// breaks, which SQLite does by itself when the disk is full or a statement is
// interrupted, each closure gets a transaction of its own and its own error.
func (db *DB) commit(batch []*write) {
	live := batch[:0]
	for _, w := range batch {
		if w.state.CompareAndSwap(waiting, taken) {
			live = append(live, w)
		}
	}
	if len(live) == 0 {
		return
	}
	err := db.together(live)
	if err != nil && len(live) > 1 {
		db.log.Warn("shared transaction broken, committing one by one", "writes", len(live), "err", err)
		for _, w := range live {
			w.err, w.panic = nil, nil
			if err := db.together([]*write{w}); err != nil && w.err == nil {
				w.err = db.fault(err)
			}
		}
	} else if err != nil && live[0].err == nil {
		live[0].err = db.fault(err)
	}
	for _, w := range live {
		close(w.done)
	}
}

// together runs the closures in one transaction. An error says that nothing of
// it is durable; a closure's own failure is in its err and harms no other.
func (db *DB) together(batch []*write) error {
	tx, err := db.writer.BeginTx(context.Background(), nil)
	if err != nil {
		return err
	}
	if len(batch) == 1 {
		return db.lone(tx, batch[0])
	}
	for _, w := range batch {
		if err := db.one(tx, w); err != nil {
			// The transaction may be gone already; its end is all that matters here.
			if rerr := tx.Rollback(); rerr != nil {
				db.log.Debug("rollback of a broken transaction", "err", rerr)
			}
			return err
		}
	}
	return tx.Commit()
}

func (db *DB) one(tx *sql.Tx, w *write) error {
	if _, err := tx.Exec("SAVEPOINT w"); err != nil {
		return err
	}
	failed := w.run(tx)
	if failed == nil && w.panic == nil {
		_, err := tx.Exec("RELEASE w")
		return err
	}
	w.err = db.fault(failed)
	_, err := tx.Exec("ROLLBACK TO w; RELEASE w")
	return err
}

// lone runs the only closure of a transaction, which then needs no savepoint:
// with one, SQLite copies every page that it changes.
func (db *DB) lone(tx *sql.Tx, w *write) error {
	failed := w.run(tx)
	if failed == nil && w.panic == nil {
		return tx.Commit()
	}
	w.err = db.fault(failed)
	return tx.Rollback()
}

func (w *write) run(tx *sql.Tx) (err error) {
	defer func() {
		if v := recover(); v != nil {
			w.panic = &panicked{value: v, stack: debug.Stack()}
		}
	}()
	return w.fn(tx)
}

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// One closure's failure, in any form, leaves the others of its batch whole.
func TestFailuresStayApart(t *testing.T) {
	db := withTable(t)
	boom := errors.New("boom")
	kinds := []struct {
		name string
		fn   func(n int) func(*sql.Tx) error
	}{
		{"error after a write", func(n int) func(*sql.Tx) error {
			return func(tx *sql.Tx) error { return errors.Join(insert(n)(tx), boom) }
		}},
		{"constraint", func(n int) func(*sql.Tx) error {
			return func(tx *sql.Tx) error { return errors.Join(insert(n)(tx), insert(n)(tx)) }
		}},
		{"breaks the transaction", func(n int) func(*sql.Tx) error {
			return func(tx *sql.Tx) error {
				err := insert(n)(tx)
				_, rerr := tx.Exec("ROLLBACK")
				return errors.Join(err, rerr, boom)
			}
		}},
		{"breaks it and says nothing", func(n int) func(*sql.Tx) error {
			return func(tx *sql.Tx) error {
				_, err := tx.Exec("ROLLBACK")
				return err
			}
		}},
	}
	good := 0
	for k, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			var wg sync.WaitGroup
			hold := make(chan struct{})
			started := make(chan struct{})
			wg.Go(func() { // holds the writer, so that what follows becomes one batch
				if err := db.update(t.Context(), func(*sql.Tx) error { close(started); <-hold; return nil }); err != nil {
					t.Error("holder:", err)
				}
			})
			<-started
			for i := range 20 {
				n := 1000*(k+1) + i
				wg.Go(func() {
					fn, wantErr := insert(n), i == 7
					if wantErr {
						fn = kind.fn(n)
					}
					if err := db.update(t.Context(), fn); (err != nil) != wantErr {
						t.Errorf("closure %d: %v", i, err)
					}
				})
			}
			for queued(db) < 20 {
				runtime.Gosched()
			}
			close(hold)
			wg.Wait()
			good += 19
			if got := count(t, db); got != good {
				t.Errorf("%d rows, want %d", got, good)
			}
		})
	}
}

func queued(db *DB) int {
	db.mu.Lock()
	defer db.mu.Unlock()
	return len(db.queue)
}

func TestPanicSurfacesInCaller(t *testing.T) {
	db := withTable(t)
	func() {
		defer func() {
			if v := recover(); v == nil || !strings.Contains(fmt.Sprint(v), "kaboom") || !strings.Contains(fmt.Sprint(v), "write_test.go") {
				t.Errorf("recovered %v", v)
			}
		}()
		err := db.update(t.Context(), func(tx *sql.Tx) error {
			if err := insert(1)(tx); err != nil {
				return err
			}
			panic("kaboom")
		})
		t.Error("update returned", err)
	}()
	if err := db.update(t.Context(), insert(2)); err != nil {
		t.Error("the writer did not survive:", err)
	}
	if got := count(t, db); got != 1 {
		t.Errorf("%d rows, want only the second", got)
	}
}

// A canceled closure that was not started never runs; one that was started is waited for.
func TestCancel(t *testing.T) {
	db := withTable(t)
	ctx, cancel := context.WithCancel(t.Context())
	started, hold := make(chan struct{}), make(chan struct{})
	running := make(chan error, 1)
	go func() {
		running <- db.update(ctx, func(tx *sql.Tx) error { close(started); <-hold; return insert(1)(tx) })
	}()
	<-started
	waitingErr := make(chan error, 1)
	go func() { waitingErr <- db.update(ctx, insert(2)) }()
	for queued(db) == 0 {
		runtime.Gosched()
	}
	cancel()
	if err := <-waitingErr; !errors.Is(err, context.Canceled) {
		t.Errorf("the waiting one: %v", err)
	}
	close(hold)
	if err := <-running; err != nil {
		t.Errorf("the running one became durable but says %v", err)
	}
	if err := db.update(ctx, insert(3)); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled before: %v", err)
	}
	if got := count(t, db); got != 1 {
		t.Errorf("%d rows, want 1", got)
	}
}

func TestCloseAnswersWaiting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	db, err := Open(t.Context(), path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	acked := make(chan int, 100)
	if err := db.update(t.Context(), func(tx *sql.Tx) error { _, err := tx.Exec("CREATE TABLE t (n, v)"); return err }); err != nil {
		t.Fatal(err)
	}
	for n := range 100 {
		wg.Go(func() {
			switch err := db.update(t.Context(), insert(n)); {
			case err == nil:
				acked <- n
			case api.KindOf(err) != api.KindConflict:
				t.Error(err)
			}
		})
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	if err := db.Close(); err != nil {
		t.Error("second close:", err)
	}
	if err := db.update(t.Context(), insert(1)); api.KindOf(err) != api.KindConflict {
		t.Error("update after close:", err)
	}
	if got := count(t, openAt(t, path)); got != len(acked) {
		t.Errorf("%d rows, %d were acknowledged", got, len(acked))
	}
}

// A full disk fails the write that needs room with KindQuota and harms nothing else.
func TestFull(t *testing.T) {
	db := withTable(t)
	var pages int
	if err := db.writer.QueryRow("PRAGMA page_count").Scan(&pages); err != nil {
		t.Fatal(err)
	}
	if _, err := db.writer.Exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages+10)); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for n := range 40 {
		wg.Go(func() {
			fn := insert(n)
			if n == 20 {
				fn = func(tx *sql.Tx) error {
					_, err := tx.Exec("INSERT INTO t VALUES (?, zeroblob(1000000))", n)
					return err
				}
			}
			err := db.update(t.Context(), fn)
			switch {
			case n == 20 && (api.KindOf(err) != api.KindQuota || api.HintOf(err) == ""):
				t.Errorf("the large one: %v", err)
			case n != 20 && err != nil:
				t.Errorf("a small one: %v", err)
			}
		})
	}
	wg.Wait()
	if got := count(t, db); got != 39 {
		t.Errorf("%d rows, want 39", got)
	}
}

// Statements are kept compiled: that must survive a change of the schema, an
// error, more texts than are kept, and arguments of other types.
func TestStatementsAreKept(t *testing.T) {
	db := withTable(t)
	do := func(query string, args ...any) error {
		return db.update(t.Context(), func(tx *sql.Tx) error { _, err := tx.Exec(query, args...); return err })
	}
	const insert = "INSERT INTO t (n, v) VALUES (?, ?)"
	for i, step := range []struct {
		query string
		args  []any
		fails bool
	}{
		{insert, []any{1, "one"}, false},
		{insert, []any{1, "twice"}, true},
		{insert, []any{2, nil}, false},
		{insert, []any{3}, true},
		{insert, []any{3, []byte("bytes")}, false},
		{"ALTER TABLE t ADD COLUMN w DEFAULT 7", nil, false},
		{insert, []any{4, 4.5}, false},
		{"DROP TABLE t", nil, false},
		{insert, []any{5, ""}, true},
		{"CREATE TABLE t (n, v, w)", nil, false},
		{insert, []any{6, "six"}, false},
		{insert + "; " + insert, []any{7, "a", 8, "b"}, false},
	} {
		if err := do(step.query, step.args...); (err != nil) != step.fails {
			t.Errorf("step %d, %s: %v", i, step.query, err)
		}
	}
	for i := range maxStatements + 50 {
		if err := do(fmt.Sprintf("INSERT INTO t (n) VALUES (%d)", 1000+i)); err != nil {
			t.Fatal(err)
		}
	}
	if got := count(t, db); got != 3+maxStatements+50 {
		t.Errorf("%d rows", got)
	}
}

// BenchmarkUpdate is group commit: 64 goroutines, one small row each time.
func BenchmarkUpdate(b *testing.B) {
	for _, writers := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			db := withTable(b)
			next := make(chan int, 1024)
			var wg sync.WaitGroup
			b.ResetTimer()
			for range writers {
				wg.Go(func() {
					for n := range next {
						if err := db.update(b.Context(), insert(n)); err != nil {
							b.Error(err)
						}
					}
				})
			}
			for n := range b.N {
				next <- n
			}
			close(next)
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"go.uber.org/goleak"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func openAt(t testing.TB, path string) *DB {
	t.Helper()
	db, err := Open(t.Context(), path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error("close:", err)
		}
	})
	return db
}

func testDB(t testing.TB) *DB {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "state.db"))
}

// withTable is a DB that has table t(n INTEGER PRIMARY KEY, v TEXT).
func withTable(t testing.TB) *DB {
	t.Helper()
	db := testDB(t)
	if err := db.update(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.Exec("CREATE TABLE t (n INTEGER PRIMARY KEY, v TEXT)")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return db
}

func insert(n int) func(*sql.Tx) error {
	return func(tx *sql.Tx) error {
		_, err := tx.Exec("INSERT INTO t VALUES (?, ?)", n, fmt.Sprint("row ", n))
		return err
	}
}

func count(t testing.TB, db *DB) (n int) {
	t.Helper()
	if err := db.read().QueryRow("SELECT count(*) FROM t").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestPragmas(t *testing.T) {
	db := testDB(t)
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1"} {
		for name, pool := range map[string]*sql.DB{"writer": db.writer, "readers": db.readers} {
			var got string
			if err := pool.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
				t.Errorf("%s: %s is %q, %v; want %q", name, pragma, got, err, want)
			}
		}
	}
	if _, err := db.read().Exec("CREATE TABLE x (n)"); err == nil {
		t.Error("the read pool can write")
	}
}

func TestFileIsPrivate(t *testing.T) {
	db := withTable(t)
	if runtime.GOOS == "windows" {
		return // no mode bits there; the home's folder guards it
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		fi, err := os.Stat(db.Path() + suffix)
		if err != nil || fi.Mode().Perm() != 0o600 {
			t.Errorf("state.db%s: mode %v, %v; want 0600", suffix, fi.Mode(), err)
		}
	}
}

func TestPathWithOddCharacters(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a b?c#d%41&_pragma=x")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	db := openAt(t, filepath.Join(dir, "state.db"))
	if fi, err := os.Stat(db.Path()); err != nil || fi.Size() == 0 {
		t.Errorf("the database is not where it was asked to be: %v", err)
	}
}

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
			if v := recover(); v == nil || !strings.Contains(fmt.Sprint(v), "kaboom") || !strings.Contains(fmt.Sprint(v), "store_test.go") {
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

func TestMigrations(t *testing.T) {
	ctx := t.Context()
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	path := filepath.Join(t.TempDir(), "m.db")
	pool, err := sql.Open("sqlite", dsn(path, "_txlock=immediate"))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	first := fstest.MapFS{
		"schema/0001_a.sql": file("CREATE TABLE a (n); INSERT INTO a VALUES (1);"),
		"schema/0004_d.sql": file("CREATE TABLE d (n REFERENCES a);"),
	}
	later := fstest.MapFS{
		"schema/0001_a.sql": first["schema/0001_a.sql"],
		"schema/0002_b.sql": file("ALTER TABLE a ADD COLUMN m; INSERT INTO a VALUES (2, 2);"),
		"schema/0004_d.sql": first["schema/0004_d.sql"],
	}
	for name, files := range map[string]fstest.MapFS{"first": first, "again": first} {
		if err := migrate(ctx, pool, files); err != nil {
			t.Fatal(name, err)
		}
	}
	if err := migrate(ctx, pool, later); err != nil {
		t.Fatal("a gap that was filled:", err)
	}
	err = migrate(ctx, pool, first)
	if api.KindOf(err) != api.KindUnsupported || api.HintOf(err) == "" {
		t.Errorf("an older program: %v", err)
	}
	broken := fstest.MapFS{"schema/0005_e.sql": file("CREATE TABLE e (n); CREATE TABLE a (n);")}
	for name, f := range later {
		broken[name] = f
	}
	if err := migrate(ctx, pool, broken); err == nil || !strings.Contains(err.Error(), "0005_e.sql") {
		t.Errorf("a broken file: %v", err)
	}
	var n int
	if err := pool.QueryRow("SELECT count(*) FROM sqlite_schema WHERE name = 'e'").Scan(&n); err != nil || n != 0 {
		t.Errorf("half of a broken file is left: %d, %v", n, err)
	}
	for _, bad := range []string{"schema/0001_b.sql", "schema/6_x.sql", "schema/0006-x.sql"} {
		files := fstest.MapFS{"schema/0001_a.sql": first["schema/0001_a.sql"], bad: file("")}
		if err := migrate(ctx, pool, files); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
}

func TestNewerDatabaseIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	db, err := Open(t.Context(), path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := db.update(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.Exec("INSERT INTO schema_files VALUES ('9999_future.sql', '')")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), path, slog.New(slog.DiscardHandler))
	if api.KindOf(err) != api.KindUnsupported || api.HintOf(err) == "" {
		t.Errorf("got %v", err)
	}
}

func TestDamagedFile(t *testing.T) {
	dir := t.TempDir()
	for name, damage := range map[string]func(path string) error{
		"no database": func(p string) error { return os.WriteFile(p, []byte(strings.Repeat("not a database ", 500)), 0o600) },
		"torn pages": func(p string) error {
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			for i := 100; i < len(b); i++ {
				b[i] ^= 0xa5
			}
			return os.WriteFile(p, b, 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, strings.ReplaceAll(name, " ", "_"))
			db, err := Open(t.Context(), path, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			if err := damage(path); err != nil {
				t.Fatal(err)
			}
			_, err = Open(t.Context(), path, slog.New(slog.DiscardHandler))
			if api.KindOf(err) != api.KindCorrupt || api.HintOf(err) == "" {
				t.Errorf("got %v (%s), want KindCorrupt with a hint", err, api.KindOf(err))
			}
		})
	}
	if _, err := Open(t.Context(), filepath.Join(dir, "none", "state.db"), slog.New(slog.DiscardHandler)); api.KindOf(err) != api.KindNotFound {
		t.Errorf("no folder: %v", err)
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

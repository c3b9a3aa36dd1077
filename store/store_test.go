package store

import (
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

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

package store

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	_ "modernc.org/sqlite" // the database/sql driver "sqlite"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// DB is an open state.db. It is safe for concurrent use.
type DB struct {
	path    string
	log     *slog.Logger
	writer  *sql.DB // one connection, used by the writer goroutine only
	readers *sql.DB
	wake    chan struct{} // one slot: the queue is not empty, or the DB is closing
	done    chan struct{} // closed when the writer goroutine is gone

	mu     sync.Mutex // guards what follows
	queue  []*write
	closed bool
}

// Open opens or creates the database at path, readable by its owner only, and
// applies the schema files that it has not seen.
//
// Errors: KindUnsupported when a newer program has written it, KindCorrupt when
// the file is damaged or no database, KindQuota when the disk is full.
func Open(ctx context.Context, path string, log *slog.Logger) (*DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, api.Errorf(api.KindInternal, "resolve %s: %w", path, err)
	}
	if err := create(path); err != nil {
		return nil, err
	}
	db := &DB{path: path, log: log, wake: make(chan struct{}, 1), done: make(chan struct{})}
	// An immediate transaction takes the write lock at once, so it can never fail half way with BUSY.
	writer, err := newRemembering(dsn(path, "_txlock=immediate"))
	if err != nil {
		return nil, api.Errorf(api.KindInternal, "open %s: %w", path, err)
	}
	db.writer = sql.OpenDB(writer)
	db.writer.SetMaxOpenConns(1)
	if err := migrate(ctx, db.writer, embedded); err != nil {
		return nil, errors.Join(db.fault(err), db.writer.Close())
	}
	if db.readers, err = sql.Open("sqlite", dsn(path, "_pragma=query_only(1)")); err != nil {
		return nil, errors.Join(api.Errorf(api.KindInternal, "open %s: %w", path, err), db.writer.Close())
	}
	db.readers.SetMaxOpenConns(max(4, runtime.GOMAXPROCS(0)))
	db.readers.SetMaxIdleConns(2) // each holds a page cache
	go db.write()
	return db, nil
}

// Close answers the writes that are waiting, then closes the file. Later calls
// of update are KindConflict. Close may be called more than once.
func (db *DB) Close() error {
	db.mu.Lock()
	first := !db.closed
	db.closed = true
	db.mu.Unlock()
	db.nudge()
	<-db.done
	if !first {
		return nil
	}
	return db.fault(errors.Join(db.readers.Close(), db.writer.Close()))
}

// Path is where the database file is.
func (db *DB) Path() string { return db.path }

// read is the pool for queries; its connections refuse to write. Errors of its
// queries go through fault.
func (db *DB) read() *sql.DB { return db.readers }

// create makes the file itself: SQLite would make it readable by the group, and
// gives its -wal and -shm files the mode it finds.
func create(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	switch {
	case errors.Is(err, os.ErrExist):
		return nil // and leave it alone: closing a second descriptor would drop SQLite's locks
	case errors.Is(err, os.ErrNotExist):
		return api.Errorf(api.KindNotFound, "no folder for %s: %w", path, err)
	case err != nil:
		return api.Errorf(api.KindInternal, "create %s: %w", path, err)
	}
	if err := f.Close(); err != nil {
		return api.Errorf(api.KindInternal, "create %s: %w", path, err)
	}
	return nil
}

func dsn(path, more string) string {
	p := filepath.ToSlash(path)
	if !strings.HasPrefix(p, "/") {
		p = "/" + p // C:/... on Windows
	}
	return (&url.URL{Scheme: "file", Path: p}).String() +
		"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)" +
		"&_pragma=cache_size(-2000)&_pragma=temp_store(MEMORY)&_pragma=journal_size_limit(67108864)&" + more
}

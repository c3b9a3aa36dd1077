package store

import (
	"errors"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// fault gives errors of SQLite their Kind: KindQuota when the disk is full,
// KindCorrupt when the file is damaged, KindUnavailable when another program
// holds it, KindInternal otherwise. Anything else (an api.Error, a context's
// error, sql.ErrNoRows) passes through.
func (db *DB) fault(err error) error {
	var known *api.Error
	var e *sqlite.Error
	if err == nil || errors.As(err, &known) || !errors.As(err, &e) {
		return err
	}
	switch e.Code() & 0xff {
	case lib.SQLITE_FULL:
		return api.Errorf(api.KindQuota, "the disk that holds %s is full: %w", db.path, err).
			WithHint("free some space; nothing that was saved is lost")
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
		return api.Errorf(api.KindCorrupt, "%s is damaged: %w", db.path, err).
			WithHint("put back a copy of it, or move it away together with its -wal and -shm files to start with an empty one")
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		return api.Errorf(api.KindUnavailable, "%s is held by another program: %w", db.path, err)
	case lib.SQLITE_IOERR:
		// The shared memory file cannot grow: in practice the disk is full.
		if e.Code() == lib.SQLITE_IOERR_SHMSIZE {
			return api.Errorf(api.KindQuota, "the disk that holds %s is full: %w", db.path, err).
				WithHint("free some space; nothing that was saved is lost")
		}
	case lib.SQLITE_READONLY, lib.SQLITE_CANTOPEN, lib.SQLITE_PERM:
		return api.Errorf(api.KindInternal, "%s cannot be written: %w", db.path, err).
			WithHint("the file and its folder must belong to the user that runs p2prc")
	}
	return api.Errorf(api.KindInternal, "store: %w", err)
}

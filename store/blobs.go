package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// Blobs is the content store's index, and the bytes of its small blobs.
type Blobs struct{ db *DB }

// Blobs is the index that package blob keeps here.
func (db *DB) Blobs() *Blobs { return &Blobs{db} }

// evictBatch is the bound of a partial Evict.
const evictBatch = 10_000

// Add records blobs and tells how many, and how many bytes, are new. One that
// is known keeps its bytes and gets the later Used and Keep.
func (b *Blobs) Add(ctx context.Context, entries []api.BlobEntry) (count, bytes int64, err error) {
	err = b.db.update(ctx, func(tx *sql.Tx) error {
		count, bytes = 0, 0
		for _, e := range entries {
			res, err := tx.Exec(`UPDATE blobs SET used = max(used, ?), keep = max(keep, ?), tree = max(tree, ?) WHERE id = ?`,
				e.Used.UnixMilli(), e.Keep.UnixMilli(), e.Tree, e.ID[:])
			if err != nil {
				return err
			}
			if n, err := res.RowsAffected(); err != nil || n > 0 {
				if err != nil {
					return err
				}
				continue
			}
			res, err = tx.Exec(`INSERT INTO blobs (id, size, inline, tree, used, keep) VALUES (?, ?, ?, ?, ?, ?)`,
				e.ID[:], e.Size, e.Inline, e.Tree, e.Used.UnixMilli(), e.Keep.UnixMilli())
			if err != nil {
				return err
			}
			if e.Inline {
				n, err := res.LastInsertId()
				if err != nil {
					return err
				}
				data := e.Data
				if data == nil {
					data = []byte{} // nil would be NULL
				}
				if _, err := tx.Exec(`INSERT INTO blob_data (n, data) VALUES (?, ?)`, n, data); err != nil {
					return err
				}
			}
			count, bytes = count+1, bytes+e.Size
		}
		return nil
	})
	if err != nil {
		return 0, 0, err
	}
	return count, bytes, nil
}

const blobColumns = `id, size, inline, tree, used, keep`

func scanBlob(scan func(...any) error, more ...any) (api.BlobEntry, error) {
	var e api.BlobEntry
	var id []byte
	var used, keep int64
	if err := scan(append([]any{&id, &e.Size, &e.Inline, &e.Tree, &used, &keep}, more...)...); err != nil {
		return e, err
	}
	copy(e.ID[:], id)
	e.Used, e.Keep = time.UnixMilli(used), time.UnixMilli(keep)
	return e, nil
}

// Get finds a blob, with Data when it is inline.
func (b *Blobs) Get(ctx context.Context, id api.BlobID) (api.BlobEntry, bool, error) {
	row := b.db.read().QueryRowContext(ctx, `SELECT `+blobColumns+`, data FROM blobs LEFT JOIN blob_data USING (n) WHERE id = ?`, id[:])
	var data []byte
	e, err := scanBlob(row.Scan, &data)
	if errors.Is(err, sql.ErrNoRows) {
		return api.BlobEntry{}, false, nil
	}
	if e.Inline {
		e.Data = data
	}
	return e, err == nil, b.db.fault(err)
}

// Touch raises Used; unknown ids are ignored.
func (b *Blobs) Touch(ctx context.Context, used map[api.BlobID]time.Time) error {
	return b.db.update(ctx, func(tx *sql.Tx) error {
		for id, t := range used {
			if _, err := tx.Exec(`UPDATE blobs SET used = ? WHERE id = ? AND used < ?`, t.UnixMilli(), id[:], t.UnixMilli()); err != nil {
				return err
			}
		}
		return nil
	})
}

// Pin adds ids to what owner needs; they may be unknown yet.
func (b *Blobs) Pin(ctx context.Context, owner string, ids []api.BlobID) error {
	return b.db.update(ctx, func(tx *sql.Tx) error {
		for _, id := range ids {
			if _, err := tx.Exec(`INSERT OR IGNORE INTO blob_pins (owner, id) VALUES (?, ?)`, owner, id[:]); err != nil {
				return err
			}
		}
		return nil
	})
}

// PinLike pins ids for every owner that pins id.
func (b *Blobs) PinLike(ctx context.Context, id api.BlobID, ids []api.BlobID) error {
	return b.db.update(ctx, func(tx *sql.Tx) error {
		for _, other := range ids {
			if _, err := tx.Exec(`INSERT OR IGNORE INTO blob_pins (owner, id) SELECT owner, ? FROM blob_pins WHERE id = ?`, other[:], id[:]); err != nil {
				return err
			}
		}
		return nil
	})
}

// Unpin forgets everything that owner needs.
func (b *Blobs) Unpin(ctx context.Context, owner string) error {
	return b.db.update(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`DELETE FROM blob_pins WHERE owner = ?`, owner)
		return err
	})
}

// Owners are those that pin something and whose names begin with prefix, sorted.
func (b *Blobs) Owners(ctx context.Context, prefix string) ([]string, error) {
	rows, err := b.db.read().QueryContext(ctx,
		`SELECT DISTINCT owner FROM blob_pins WHERE owner >= ?1 AND substr(owner, 1, length(?1)) = ?1 ORDER BY owner`, prefix)
	if err != nil {
		return nil, b.db.fault(err)
	}
	defer rows.Close()
	var owners []string
	for rows.Next() {
		var owner string
		if err := rows.Scan(&owner); err != nil {
			return nil, b.db.fault(err)
		}
		owners = append(owners, owner)
	}
	return owners, b.db.fault(rows.Err())
}

const unpinned = `NOT EXISTS (SELECT 1 FROM blob_pins WHERE blob_pins.id = blobs.id)`

// Evict forgets the least recently used blobs that nobody pins and whose Keep
// has passed, until their sizes reach want. When they cannot, none is
// forgotten; with partial, as many as there are, at most evictBatch.
func (b *Blobs) Evict(ctx context.Context, want int64, now time.Time, partial bool) (gone []api.BlobEntry, err error) {
	limit := -1
	if partial {
		limit = evictBatch
	}
	err = b.db.update(ctx, func(tx *sql.Tx) error {
		gone = nil
		var sum int64
		rows, err := tx.Query(`SELECT `+blobColumns+` FROM blobs WHERE keep <= ? AND `+unpinned+` ORDER BY used LIMIT ?`, now.UnixMilli(), limit)
		if err != nil {
			return err
		}
		defer rows.Close()
		for sum < want && rows.Next() {
			e, err := scanBlob(rows.Scan)
			if err != nil {
				return err
			}
			gone = append(gone, e)
			sum += e.Size
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
		if sum < want && !partial {
			gone = nil
		}
		return forget(tx, gone)
	})
	if err != nil {
		return nil, err
	}
	return gone, nil
}

func forget(tx *sql.Tx, entries []api.BlobEntry) error {
	for _, e := range entries {
		if _, err := tx.Exec(`DELETE FROM blobs WHERE id = ?`, e.ID[:]); err != nil { // blob_data follows
			return err
		}
	}
	return nil
}

// Remove forgets blobs and returns those that were known. With force false
// pinned ones stay.
func (b *Blobs) Remove(ctx context.Context, ids []api.BlobID, force bool) (gone []api.BlobEntry, err error) {
	err = b.db.update(ctx, func(tx *sql.Tx) error {
		gone = nil
		for _, id := range ids {
			e, err := scanBlob(tx.QueryRow(`SELECT `+blobColumns+` FROM blobs WHERE id = ? AND (? OR `+unpinned+`)`, id[:], force).Scan)
			if errors.Is(err, sql.ErrNoRows) {
				continue
			}
			if err != nil {
				return err
			}
			gone = append(gone, e)
		}
		return forget(tx, gone)
	})
	if err != nil {
		return nil, err
	}
	return gone, nil
}

// Each calls fn for every blob, without Data, in no order.
func (b *Blobs) Each(ctx context.Context, fn func(api.BlobEntry) error) error {
	rows, err := b.db.read().QueryContext(ctx, `SELECT `+blobColumns+` FROM blobs`)
	if err != nil {
		return b.db.fault(err)
	}
	defer rows.Close()
	for rows.Next() {
		e, err := scanBlob(rows.Scan)
		if err != nil {
			return b.db.fault(err)
		}
		if err := fn(e); err != nil {
			return err
		}
	}
	return b.db.fault(rows.Err())
}

// Totals are the number of blobs, their bytes, and the bytes of pinned ones.
func (b *Blobs) Totals(ctx context.Context) (count, bytes, pinned int64, err error) {
	err = b.db.read().QueryRowContext(ctx, `SELECT count(*), coalesce(sum(size), 0) FROM blobs`).Scan(&count, &bytes)
	if err == nil {
		err = b.db.read().QueryRowContext(ctx,
			`SELECT coalesce(sum(size), 0) FROM blobs WHERE id IN (SELECT id FROM blob_pins)`).Scan(&pinned)
	}
	return count, bytes, pinned, b.db.fault(err)
}

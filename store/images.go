package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// Images remembers container images. It is safe for concurrent use.
type Images struct{ db *DB }

// Images is the noun's part of the database.
func (db *DB) Images() *Images { return &Images{db} }

// Images is everything remembered, in no order.
func (s *Images) Images(ctx context.Context) (out []api.KeptImage, err error) {
	rows, err := s.db.read().QueryContext(ctx, `SELECT id, tree, bytes, peer, loading, used FROM images`)
	if err != nil {
		return nil, s.db.fault(err)
	}
	defer func() { err = errors.Join(err, s.db.fault(rows.Close())) }()
	for rows.Next() {
		var img api.KeptImage
		var tree []byte
		var used int64
		if err := rows.Scan(&img.ID, &tree, &img.Bytes, &img.For, &img.Loading, &used); err != nil {
			return nil, s.db.fault(err)
		}
		copy(img.Tree[:], tree)
		img.Used = time.UnixMilli(used).UTC()
		out = append(out, img)
	}
	return out, s.db.fault(rows.Err())
}

// SaveImage adds or replaces what is remembered of an image.
func (s *Images) SaveImage(ctx context.Context, img api.KeptImage) error {
	tree := img.Tree[:]
	if img.Tree.IsZero() {
		tree = []byte{}
	}
	return s.db.update(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO images (id, tree, bytes, peer, loading, used) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET tree = excluded.tree, bytes = excluded.bytes, peer = excluded.peer, loading = excluded.loading, used = excluded.used`,
			string(img.ID), tree, img.Bytes, string(img.For), img.Loading, img.Used.UnixMilli())
		return err
	})
}

// DeleteImage forgets an image; an unknown one is no error.
func (s *Images) DeleteImage(ctx context.Context, id api.ImageID) error {
	return s.db.update(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM images WHERE id = ?`, string(id))
		return err
	})
}

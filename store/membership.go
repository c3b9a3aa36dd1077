package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// Membership keeps the signed statements of networks; it does not look into
// them. It is safe for concurrent use.
type Membership struct{ db *DB }

// Membership is the noun's part of the database.
func (db *DB) Membership() *Membership { return &Membership{db} }

// Statements returns every statement of a network, in no order.
func (m *Membership) Statements(ctx context.Context, network api.NetworkID) (out [][]byte, err error) {
	rows, err := m.db.read().QueryContext(ctx, `SELECT statement FROM membership WHERE network = ?`, string(network))
	if err != nil {
		return nil, m.db.fault(err)
	}
	defer func() { err = errors.Join(err, m.db.fault(rows.Close())) }()
	for rows.Next() {
		var s []byte
		if err := rows.Scan(&s); err != nil {
			return nil, m.db.fault(err)
		}
		out = append(out, s)
	}
	return out, m.db.fault(rows.Err())
}

// AddStatements keeps statements of a network; those that are there are left
// alone. All of them are durable when it returns, or none.
func (m *Membership) AddStatements(ctx context.Context, network api.NetworkID, statements [][]byte) error {
	return m.db.update(ctx, func(tx *sql.Tx) error {
		for _, s := range statements {
			h := sha256.Sum256(s)
			if _, err := tx.ExecContext(ctx, `INSERT INTO membership (network, hash, statement) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`,
				string(network), h[:], s); err != nil {
				return err
			}
		}
		return nil
	})
}

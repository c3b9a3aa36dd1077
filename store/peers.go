package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// Peers keeps the peer table. It is safe for concurrent use.
type Peers struct{ db *DB }

// Peers is the noun's part of the database.
func (db *DB) Peers() *Peers { return &Peers{db} }

// KnownPeers returns the remembered peers of a network, in no order.
func (p *Peers) KnownPeers(ctx context.Context, network api.NetworkID) (out []api.KnownPeer, err error) {
	rows, err := p.db.read().QueryContext(ctx, `SELECT id, record, last_seen, latency FROM peers WHERE network = ?`, string(network))
	if err != nil {
		return nil, p.db.fault(err)
	}
	defer func() { err = errors.Join(err, p.db.fault(rows.Close())) }()
	for rows.Next() {
		var k api.KnownPeer
		var seen, latency int64
		if err := rows.Scan(&k.ID, &k.Record, &seen, &latency); err != nil {
			return nil, p.db.fault(err)
		}
		k.LastSeen, k.Latency = time.UnixMilli(seen).UTC(), api.Duration(latency)
		out = append(out, k)
	}
	return out, p.db.fault(rows.Err())
}

// SaveKnownPeers adds or replaces peers of a network; all of them or none.
func (p *Peers) SaveKnownPeers(ctx context.Context, network api.NetworkID, peers []api.KnownPeer) error {
	return p.db.update(ctx, func(tx *sql.Tx) error {
		for _, k := range peers {
			if _, err := tx.ExecContext(ctx, `INSERT INTO peers (network, id, record, last_seen, latency) VALUES (?, ?, ?, ?, ?)
				ON CONFLICT (network, id) DO UPDATE SET record = excluded.record, last_seen = excluded.last_seen, latency = excluded.latency`,
				string(network), string(k.ID), k.Record, k.LastSeen.UnixMilli(), int64(k.Latency)); err != nil {
				return err
			}
		}
		return nil
	})
}

package store

import (
	"context"
	"database/sql"
	"encoding/json"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// Documents keeps values of one kind by a key, each as JSON.
type Documents struct {
	db         *DB
	table, key string
}

// LentContainers is what the lending side promised, by container id.
func (db *DB) LentContainers() *Documents { return &Documents{db, "lend_containers", "id"} }

// Containers is what the borrowing side has where, by name.
func (db *DB) Containers() *Documents { return &Documents{db, "containers", "name"} }

// Groups is the borrowing side's groups of containers, by name.
func (db *DB) Groups() *Documents { return &Documents{db, "groups", "name"} }

// Mappings is what this node has at gateways, by mapping id.
func (db *DB) Mappings() *Documents { return &Documents{db, "mappings", "id"} }

// Domains is whose the domains are that this node serves, by name.
func (db *DB) Domains() *Documents { return &Documents{db, "domains", "name"} }

// Load calls fn with each document, in order of the keys.
func (d *Documents) Load(ctx context.Context, fn func(doc []byte) error) error {
	rows, err := d.db.read().QueryContext(ctx, `SELECT doc FROM `+d.table+` ORDER BY `+d.key)
	if err != nil {
		return d.db.fault(err)
	}
	defer rows.Close()
	for rows.Next() {
		var doc []byte
		if err := rows.Scan(&doc); err != nil {
			return d.db.fault(err)
		}
		if err := fn(doc); err != nil {
			return err
		}
	}
	return d.db.fault(rows.Err())
}

// Save makes v durable under key, in place of what was there.
func (d *Documents) Save(ctx context.Context, key string, v any) error {
	doc, err := json.Marshal(v)
	if err != nil {
		return api.Errorf(api.KindInternal, "a document cannot be written as JSON: %w", err)
	}
	return d.db.update(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`INSERT OR REPLACE INTO `+d.table+` VALUES (?, ?)`, key, doc)
		return err
	})
}

// Drop forgets a key; one that is not there is no error.
func (d *Documents) Drop(ctx context.Context, key string) error {
	return d.db.update(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`DELETE FROM `+d.table+` WHERE `+d.key+` = ?`, key)
		return err
	})
}

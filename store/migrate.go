package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

//go:embed schema/*.sql
var embedded embed.FS

var schemaName = regexp.MustCompile(`^[0-9]{4}_[a-z0-9_]+\.sql$`)

// migrate applies the files of schema/ in files that the database has not seen,
// in order of their numbers, each in a transaction of its own.
func migrate(ctx context.Context, db *sql.DB, files fs.FS) error {
	_, err := db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS schema_files (
		name TEXT PRIMARY KEY, applied TEXT NOT NULL) STRICT`)
	if err != nil {
		return err
	}
	seen, err := applied(ctx, db)
	if err != nil {
		return err
	}
	entries, err := fs.ReadDir(files, "schema") // sorted by name, and so by number
	if err != nil {
		return api.Errorf(api.KindInternal, "read the schema: %w", err)
	}
	number := ""
	for _, e := range entries {
		if !schemaName.MatchString(e.Name()) || e.Name()[:4] == number {
			return api.Errorf(api.KindInternal, "schema file %s: want NNNN_name.sql with a number of its own", e.Name())
		}
		number = e.Name()[:4]
	}
	known := map[string]bool{}
	for _, e := range entries {
		known[e.Name()] = true
	}
	for name := range seen {
		if !known[name] {
			return api.Errorf(api.KindUnsupported, "the node's store was written by a newer p2prc (it has %s)", name).
				WithHint("run that version, or newer, or point P2PRC at another home")
		}
	}
	for _, e := range entries {
		if seen[e.Name()] {
			continue
		}
		if err := apply(ctx, db, files, e.Name()); err != nil {
			return err
		}
	}
	return nil
}

func applied(ctx context.Context, db *sql.DB) (map[string]bool, error) {
	rows, err := db.QueryContext(ctx, "SELECT name FROM schema_files")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	seen := map[string]bool{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		seen[name] = true
	}
	return seen, rows.Err()
}

func apply(ctx context.Context, db *sql.DB, files fs.FS, name string) (err error) {
	text, err := fs.ReadFile(files, "schema/"+name)
	if err != nil {
		return api.Errorf(api.KindInternal, "read schema file %s: %w", name, err)
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, string(text))
	if err == nil {
		_, err = tx.ExecContext(ctx, "INSERT INTO schema_files(name, applied) VALUES (?, ?)",
			name, time.Now().UTC().Format(time.RFC3339))
	}
	if err == nil {
		return tx.Commit()
	}
	if rerr := tx.Rollback(); rerr != nil {
		err = errors.Join(err, rerr)
	}
	return fmt.Errorf("schema file %s: %w", name, err) // fault gives it a kind
}

package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

// Lending is the lender's journal and ledger.
type Lending struct{ db *DB }

// Lending is the journal that the lending side keeps here.
func (db *DB) Lending() *Lending { return &Lending{db} }

// ledgerKept is how long the ledger keeps a day; it bounds what borrowers' job
// ids can fill.
const ledgerKept = 2 * 366 * 24 * time.Hour

// LoadLending reads what an earlier process left, results without their bodies,
// and forgets days of the ledger that are too old.
func (s *Lending) LoadLending(ctx context.Context) (j lease.Journal, err error) {
	oldest := time.Now().Add(-ledgerKept).UTC().Format(time.DateOnly)
	err = s.db.update(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`DELETE FROM lend_usage WHERE day < ?`, oldest)
		return err
	})
	if err != nil {
		return j, err
	}
	err = s.each(ctx, `SELECT id, borrower, job, job_name, runtime, since FROM lend_leases ORDER BY n`, nil, func(rows *sql.Rows) error {
		var r lease.Record
		var since int64
		if err := rows.Scan(&r.Lease, &r.Borrower, &r.Job, &r.JobName, &r.Runtime, &since); err != nil {
			return err
		}
		r.Since = time.UnixMilli(since).UTC()
		j.Leases = append(j.Leases, r)
		return nil
	})
	if err != nil {
		return j, err
	}
	err = s.each(ctx, `SELECT l.id, r.task, r.attempt, r.pin, r.size FROM lend_results r JOIN lend_leases l ON l.n = r.lease
		ORDER BY r.lease, r.task, r.attempt`, nil, func(rows *sql.Rows) error {
		var h lease.Held
		if err := rows.Scan(&h.Lease, &h.Task, &h.Attempt, &h.Pin, &h.Size); err != nil {
			return err
		}
		j.Held = append(j.Held, h)
		return nil
	})
	if err != nil {
		return j, err
	}
	return j, s.each(ctx, `SELECT state, reason FROM lend_state`, nil, func(rows *sql.Rows) error {
		return rows.Scan(&j.Lending.State, &j.Lending.Reason)
	})
}

// Apply makes one batch durable as a whole.
func (s *Lending) Apply(ctx context.Context, b lease.Batch) error {
	return s.db.update(ctx, func(tx *sql.Tx) error {
		return errors.Join(
			prepared(tx, `INSERT INTO lend_leases (id, borrower, job, job_name, runtime, since) VALUES (?, ?, ?, ?, ?, ?)
				ON CONFLICT (id) DO NOTHING`, b.Open, func(st *sql.Stmt, r lease.Record) error {
				_, err := st.Exec(string(r.Lease), string(r.Borrower), string(r.Job), r.JobName, string(r.Runtime), r.Since.UnixMilli())
				return err
			}),
			// a result of a lease that has ended meanwhile finds no row, and nobody waits for it
			prepared(tx, `INSERT OR REPLACE INTO lend_results (lease, task, attempt, pin, size, result)
				SELECT n, ?, ?, ?, ?, ? FROM lend_leases WHERE id = ?`, b.Save, func(st *sql.Stmt, h lease.Held) error {
				_, err := st.Exec(int64(h.Task), int64(h.Attempt), h.Pin, len(h.Result), h.Result, string(h.Lease))
				return err
			}),
			prepared(tx, `DELETE FROM lend_results WHERE lease = (SELECT n FROM lend_leases WHERE id = ?) AND task = ? AND attempt = ?`,
				b.Drop, func(st *sql.Stmt, h lease.Held) error {
					_, err := st.Exec(string(h.Lease), int64(h.Task), int64(h.Attempt))
					return err
				}),
			prepared(tx, `DELETE FROM lend_leases WHERE id = ?`, b.End, func(st *sql.Stmt, id api.LeaseID) error {
				_, err := st.Exec(string(id))
				return err
			}),
			prepared(tx, `INSERT INTO lend_usage VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (day, peer, job) DO UPDATE SET
				tasks = tasks + excluded.tasks, cpu_seconds = cpu_seconds + excluded.cpu_seconds,
				memory_seconds = memory_seconds + excluded.memory_seconds, gpu_seconds = gpu_seconds + excluded.gpu_seconds,
				bytes_in = bytes_in + excluded.bytes_in, bytes_out = bytes_out + excluded.bytes_out`,
				b.Usage, func(st *sql.Stmt, u api.UsageRow) error {
					_, err := st.Exec(u.Day, string(u.Peer), string(u.Job), u.Tasks, u.CPUSeconds, u.MemorySeconds, u.GPUSeconds, u.BytesIn, u.BytesOut)
					return err
				}),
			saveState(tx, b.Lending),
		)
	})
}

func saveState(tx *sql.Tx, l *lease.Lending) error {
	if l == nil {
		return nil
	}
	_, err := tx.Exec(`INSERT OR REPLACE INTO lend_state (one, state, reason) VALUES (1, ?, ?)`, string(l.State), l.Reason)
	return err
}

// prepared executes one statement for each item.
func prepared[T any](tx *sql.Tx, query string, items []T, exec func(*sql.Stmt, T) error) error {
	if len(items) == 0 {
		return nil
	}
	st, err := tx.Prepare(query)
	if err != nil {
		return err
	}
	defer st.Close()
	for _, it := range items {
		if err := exec(st, it); err != nil {
			return err
		}
	}
	return nil
}

// Results reads held results of a lease; those that are gone are left out.
func (s *Lending) Results(ctx context.Context, id api.LeaseID, keys []lease.Key) ([]lease.Held, error) {
	st, err := s.db.read().PrepareContext(ctx, `SELECT pin, size, result FROM lend_results
		WHERE lease = (SELECT n FROM lend_leases WHERE id = ?) AND task = ? AND attempt = ?`)
	if err != nil {
		return nil, s.db.fault(err)
	}
	defer st.Close()
	out := make([]lease.Held, 0, len(keys))
	for _, k := range keys {
		h := lease.Held{Lease: id, Key: k}
		err := st.QueryRowContext(ctx, string(id), int64(k.Task), int64(k.Attempt)).Scan(&h.Pin, &h.Size, &h.Result)
		switch {
		case errors.Is(err, sql.ErrNoRows):
		case err != nil:
			return nil, s.db.fault(err)
		default:
			out = append(out, h)
		}
	}
	return out, nil
}

// Usage sums the ledger by some of peer, job and day, from since's day on.
func (s *Lending) Usage(ctx context.Context, by []string, since time.Time) ([]api.UsageRow, error) {
	cols := []string{"''", "''", "''"}
	var group []string
	for i, name := range []string{"day", "peer", "job"} {
		if slices.Contains(by, name) {
			cols[i] = name
			group = append(group, name)
		}
	}
	query := `SELECT ` + strings.Join(cols, ", ") + `, sum(tasks), sum(cpu_seconds), sum(memory_seconds), sum(gpu_seconds),
		sum(bytes_in), sum(bytes_out) FROM lend_usage WHERE day >= ?`
	if len(group) > 0 {
		query += ` GROUP BY ` + strings.Join(group, ", ") + ` ORDER BY ` + strings.Join(group, ", ")
	} else {
		query += ` HAVING count(*) > 0`
	}
	sums := []api.UsageRow{}
	err := s.each(ctx, query, []any{since.UTC().Format(time.DateOnly)}, func(rows *sql.Rows) error {
		var u api.UsageRow
		err := rows.Scan(&u.Day, &u.Peer, &u.Job, &u.Tasks, &u.CPUSeconds, &u.MemorySeconds, &u.GPUSeconds, &u.BytesIn, &u.BytesOut)
		sums = append(sums, u)
		return err
	})
	return sums, err
}

func (s *Lending) each(ctx context.Context, query string, args []any, fn func(*sql.Rows) error) error {
	rows, err := s.db.read().QueryContext(ctx, query, args...)
	if err != nil {
		return s.db.fault(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := fn(rows); err != nil {
			return s.db.fault(err)
		}
	}
	return s.db.fault(rows.Err())
}

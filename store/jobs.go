package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// Jobs is the borrower's journal: jobs, results of tasks, leases.
type Jobs struct{ db *DB }

// Jobs is the journal that the job engine keeps here.
func (db *DB) Jobs() *Jobs { return &Jobs{db} }

// SaveJob inserts a job, or replaces how it stands; its spec never changes.
func (s *Jobs) SaveJob(ctx context.Context, j api.JobDetail) error {
	job, err := json.Marshal(j.Job)
	if err != nil {
		return api.Errorf(api.KindInternal, "encode job %s: %w", j.ID, err)
	}
	var spec []byte
	return s.db.update(ctx, func(tx *sql.Tx) error {
		res, err := tx.Exec(`UPDATE jobs SET job = ? WHERE id = ?`, string(job), string(j.ID))
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n > 0 {
			return err
		}
		if spec == nil {
			if spec, err = json.Marshal(j.Spec); err != nil {
				return api.Errorf(api.KindInternal, "encode job %s: %w", j.ID, err)
			}
		}
		_, err = tx.Exec(`INSERT INTO jobs (id, job, spec) VALUES (?, ?, ?)`, string(j.ID), string(job), string(spec))
		return err
	})
}

// Jobs gives all jobs, oldest first.
func (s *Jobs) Jobs(ctx context.Context) ([]api.JobDetail, error) {
	rows, err := s.db.read().QueryContext(ctx, `SELECT id, job, spec FROM jobs ORDER BY n`)
	if err != nil {
		return nil, s.db.fault(err)
	}
	defer rows.Close()
	var jobs []api.JobDetail
	for rows.Next() {
		var id, job, spec string
		if err := rows.Scan(&id, &job, &spec); err != nil {
			return nil, s.db.fault(err)
		}
		var j api.JobDetail
		if err := errors.Join(json.Unmarshal([]byte(job), &j.Job), json.Unmarshal([]byte(spec), &j.Spec)); err != nil {
			return nil, api.Errorf(api.KindCorrupt, "job %s in the node's store: %w", id, err)
		}
		jobs = append(jobs, j)
	}
	return jobs, s.db.fault(rows.Err())
}

// deleteBatch bounds the rows that one transaction deletes, so that a large job
// does not hold up other writers.
const deleteBatch = 20_000

// DeleteJob removes a job with its tasks and leases.
func (s *Jobs) DeleteJob(ctx context.Context, id api.JobID) error {
	for more := true; more; {
		err := s.db.update(ctx, func(tx *sql.Tx) error {
			more = false
			n, err := jobNumber(tx, id)
			if errors.Is(err, sql.ErrNoRows) {
				return nil
			}
			if err != nil {
				return err
			}
			res, err := tx.Exec(`DELETE FROM job_tasks WHERE job = ? AND task IN (SELECT task FROM job_tasks WHERE job = ? LIMIT ?)`, n, n, deleteBatch)
			if err != nil {
				return err
			}
			if gone, err := res.RowsAffected(); err != nil || gone == deleteBatch {
				more = true
				return err
			}
			if _, err := tx.Exec(`DELETE FROM job_leases WHERE job = ?`, n); err != nil {
				return err
			}
			_, err = tx.Exec(`DELETE FROM jobs WHERE n = ?`, n)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func jobNumber(tx *sql.Tx, id api.JobID) (n int64, err error) {
	err = tx.QueryRow(`SELECT n FROM jobs WHERE id = ?`, string(id)).Scan(&n)
	return n, err
}

// SaveTasks inserts or replaces tasks of a job, all or none. Tasks of a job that
// is not there (it was removed meanwhile) are dropped.
func (s *Jobs) SaveTasks(ctx context.Context, id api.JobID, tasks []api.Task) error {
	data := make([]string, len(tasks))
	for i, t := range tasks {
		t.Each = nil // made from the spec
		b, err := json.Marshal(t)
		if err != nil {
			return api.Errorf(api.KindInternal, "encode task %d of job %s: %w", t.ID, id, err)
		}
		data[i] = string(b)
	}
	return s.db.update(ctx, func(tx *sql.Tx) error {
		n, err := jobNumber(tx, id)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		ins, err := tx.Prepare(`INSERT OR REPLACE INTO job_tasks (job, task, state, failures, attempt, peer, cause, wall, bytes, data)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
		if err != nil {
			return err
		}
		defer ins.Close()
		for i, t := range tasks {
			_, err := ins.Exec(n, int64(t.ID), string(t.State), t.Failures, int64(t.Attempt), string(t.Peer), string(t.Cause),
				int64(t.Usage.Wall), t.Usage.BytesOut, data[i])
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// TaskStates calls fn for every stored task in order of its id, with ID, State,
// Failures, Attempt, Peer, Cause, Usage.Wall and Usage.BytesOut only.
func (s *Jobs) TaskStates(ctx context.Context, id api.JobID, fn func(api.Task) error) error {
	rows, err := s.db.read().QueryContext(ctx, `SELECT task, state, failures, attempt, peer, cause, wall, bytes
		FROM job_tasks WHERE job = (SELECT n FROM jobs WHERE id = ?) ORDER BY task`, string(id))
	if err != nil {
		return s.db.fault(err)
	}
	defer rows.Close()
	for rows.Next() {
		var t api.Task
		if err := rows.Scan(&t.ID, &t.State, &t.Failures, &t.Attempt, &t.Peer, &t.Cause, &t.Usage.Wall, &t.Usage.BytesOut); err != nil {
			return s.db.fault(err)
		}
		if err := fn(t); err != nil {
			return err
		}
	}
	return s.db.fault(rows.Err())
}

// Tasks gives up to limit stored tasks after the id after, in order; with a
// state only those in it.
func (s *Jobs) Tasks(ctx context.Context, id api.JobID, state api.TaskState, after api.TaskID, limit int) ([]api.Task, error) {
	query := `SELECT data FROM job_tasks WHERE job = (SELECT n FROM jobs WHERE id = ?) AND task > ?`
	args := []any{string(id), int64(after)}
	switch state {
	case "":
	case api.TaskFailed:
		query += ` AND state = 'failed'` // literally, for the partial index
	default:
		query, args = query+` AND state = ?`, append(args, string(state))
	}
	rows, err := s.db.read().QueryContext(ctx, query+` ORDER BY task LIMIT ?`, append(args, limit)...)
	if err != nil {
		return nil, s.db.fault(err)
	}
	defer rows.Close()
	var tasks []api.Task
	for rows.Next() {
		var data []byte
		if err := rows.Scan(&data); err != nil {
			return nil, s.db.fault(err)
		}
		var t api.Task
		if err := json.Unmarshal(data, &t); err != nil {
			return nil, api.Errorf(api.KindCorrupt, "a task of job %s in the node's store: %w", id, err)
		}
		tasks = append(tasks, t)
	}
	return tasks, s.db.fault(rows.Err())
}

// SaveLease remembers that a lease was asked for.
func (s *Jobs) SaveLease(ctx context.Context, id api.LeaseID, job api.JobID, peer api.PeerID) error {
	return s.db.update(ctx, func(tx *sql.Tx) error {
		n, err := jobNumber(tx, job)
		if errors.Is(err, sql.ErrNoRows) {
			return api.Errorf(api.KindNotFound, "no job %s", job)
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(`INSERT OR REPLACE INTO job_leases (id, job, peer) VALUES (?, ?, ?)`, string(id), n, string(peer))
		return err
	})
}

// DeleteLease forgets a lease.
func (s *Jobs) DeleteLease(ctx context.Context, id api.LeaseID) error {
	return s.db.update(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`DELETE FROM job_leases WHERE id = ?`, string(id))
		return err
	})
}

// Leases calls fn for every lease that was saved and not deleted.
func (s *Jobs) Leases(ctx context.Context, fn func(id api.LeaseID, job api.JobID, peer api.PeerID)) error {
	rows, err := s.db.read().QueryContext(ctx, `SELECT l.id, j.id, l.peer FROM job_leases l JOIN jobs j ON j.n = l.job ORDER BY l.id`)
	if err != nil {
		return s.db.fault(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id api.LeaseID
		var job api.JobID
		var peer api.PeerID
		if err := rows.Scan(&id, &job, &peer); err != nil {
			return s.db.fault(err)
		}
		fn(id, job, peer)
	}
	return s.db.fault(rows.Err())
}

package job

import (
	"context"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

// maxPage bounds one page of tasks.
const maxPage = 1000

// Tasks gives up to limit tasks (1,000 at most, 100 if 0) with ids greater than
// after (-1: from the first), in order; with a state only those in it.
func (e *Engine) Tasks(ctx context.Context, id api.JobID, state api.TaskState, after api.TaskID, limit int) ([]api.Task, error) {
	if limit <= 0 {
		limit = 100
	}
	limit, after = min(limit, maxPage), max(after, -1)
	now, arr, total, over, err := e.snapshot(id, state, after, limit)
	if err != nil {
		return nil, err
	}
	var tasks []api.Task
	switch {
	case state == api.TaskDone || state == api.TaskFailed:
		tasks, err = e.cfg.Store.Tasks(ctx, id, state, after, limit)
	case over:
		tasks, err = e.pastTasks(ctx, id, state, after, limit, total)
	default:
		tasks, err = e.liveTasks(ctx, id, state, now)
	}
	if err != nil {
		return nil, err
	}
	for i := range tasks {
		tasks[i].Each = arr.values(tasks[i].ID)
	}
	return tasks, nil
}

// snapshot is how tasks stand in the scheduler; over: there is none.
func (e *Engine) snapshot(id api.JobID, state api.TaskState, after api.TaskID, limit int) (now []api.Task, arr *array, total int64, over bool, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	r := e.runs[id]
	if r == nil {
		j := e.past[id]
		if j == nil {
			return nil, nil, 0, false, noJob(id)
		}
		a, err := newArray(j.Spec.Each)
		return nil, &a, a.n, true, err
	}
	s := r.sched
	type place struct {
		node   *node
		queued bool
	}
	at := map[lease.Key]place{}
	for _, t := range s.leases {
		for k, a := range t.out {
			at[k] = place{t.node, a.state == attQueued}
		}
	}
	for i := int64(after) + 1; i < s.count.Total && len(now) < limit; i++ {
		tk := &s.tasks[i]
		task := api.Task{ID: api.TaskID(i), State: tk.state.api(), Attempt: tk.attempt, Failures: int(tk.fails)}
		if p := at[lease.Key{Task: task.ID, Attempt: tk.attempt}]; p.node != nil && task.State == api.TaskRunning {
			task.Peer = p.node.id
			if p.queued {
				task.State = api.TaskQueued
			}
		}
		if state == "" || task.State == state {
			now = append(now, task)
		}
	}
	return now, &r.plan.array, s.count.Total, false, nil
}

// liveTasks joins what the scheduler knows with the rows of ended tasks.
func (e *Engine) liveTasks(ctx context.Context, id api.JobID, state api.TaskState, now []api.Task) ([]api.Task, error) {
	if state != "" || len(now) == 0 {
		return now, nil
	}
	first := now[0].ID
	rows, err := e.cfg.Store.Tasks(ctx, id, "", first-1, len(now))
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		if i := int(row.ID - first); i < len(now) && now[i].State.Terminal() && row.State.Terminal() {
			now[i] = row
		}
	}
	return now, nil
}

// pastTasks fills the gaps between rows: a task of an ended job without a final
// row was canceled.
func (e *Engine) pastTasks(ctx context.Context, id api.JobID, state api.TaskState, after api.TaskID, limit int, total int64) ([]api.Task, error) {
	if state == api.TaskWaiting || state == api.TaskQueued || state == api.TaskRunning {
		return nil, nil
	}
	var tasks []api.Task
	for next := after + 1; int64(next) < total && len(tasks) < limit; {
		rows, err := e.cfg.Store.Tasks(ctx, id, "", next-1, maxPage)
		if err != nil {
			return nil, err
		}
		end := api.TaskID(total)
		if len(rows) == maxPage {
			end = rows[len(rows)-1].ID + 1
		}
		for ; next < end && len(tasks) < limit; next++ {
			task := api.Task{ID: next, State: api.TaskCanceled}
			if len(rows) > 0 && rows[0].ID == next {
				if row := rows[0]; row.State.Terminal() {
					task = row
				} else {
					task.Attempt, task.Failures = row.Attempt, row.Failures
				}
				rows = rows[1:]
			}
			if state == "" || task.State == state {
				tasks = append(tasks, task)
			}
		}
	}
	return tasks, nil
}

// Task is one task of a job (KindNotFound).
func (e *Engine) Task(ctx context.Context, id api.JobID, task api.TaskID) (api.Task, error) {
	if task >= 0 {
		page, err := e.Tasks(ctx, id, "", task-1, 1)
		if err != nil {
			return api.Task{}, err
		}
		if len(page) > 0 {
			return page[0], nil
		}
	} else if _, err := e.Job(id); err != nil {
		return api.Task{}, err
	}
	return api.Task{}, api.Errorf(api.KindNotFound, "job %s has no task %d", id, task)
}

// Results calls fn for every task that is done or failed, in order of its id. A
// slow fn holds nothing up; an error of fn ends it and is returned.
func (e *Engine) Results(ctx context.Context, id api.JobID, fn func(api.Task) error) error {
	_, arr, _, _, err := e.snapshot(id, api.TaskDone, api.MaxTasks, 0)
	if err != nil {
		return err
	}
	for after := api.TaskID(-1); ; {
		rows, err := e.cfg.Store.Tasks(ctx, id, "", after, maxPage)
		if err != nil {
			return err
		}
		for _, row := range rows {
			after = row.ID
			if !row.State.Terminal() {
				continue
			}
			row.Each = arr.values(row.ID)
			if err := fn(row); err != nil {
				return err
			}
		}
		if len(rows) < maxPage {
			return nil
		}
	}
}

package job

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// MemStore is a Store that forgets everything with its process: for tests and
// for programs that embed a node without a disk.
type MemStore struct {
	mu     sync.Mutex // guards what follows
	jobs   []api.JobDetail
	tasks  map[api.JobID]map[api.TaskID]api.Task
	leases map[api.LeaseID]memLease
}

type memLease struct {
	job  api.JobID
	peer api.PeerID
}

// NewMemStore makes an empty one.
func NewMemStore() *MemStore {
	return &MemStore{tasks: map[api.JobID]map[api.TaskID]api.Task{}, leases: map[api.LeaseID]memLease{}}
}

var _ Store = (*MemStore)(nil)

// SaveJob implements [Store].
func (m *MemStore) SaveJob(_ context.Context, j api.JobDetail) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i := slices.IndexFunc(m.jobs, func(o api.JobDetail) bool { return o.ID == j.ID }); i >= 0 {
		m.jobs[i] = j
		return nil
	}
	m.jobs = append(m.jobs, j)
	return nil
}

// Jobs implements [Store].
func (m *MemStore) Jobs(context.Context) ([]api.JobDetail, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.jobs), nil
}

// DeleteJob implements [Store].
func (m *MemStore) DeleteJob(_ context.Context, id api.JobID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.jobs = slices.DeleteFunc(m.jobs, func(j api.JobDetail) bool { return j.ID == id })
	delete(m.tasks, id)
	maps.DeleteFunc(m.leases, func(_ api.LeaseID, l memLease) bool { return l.job == id })
	return nil
}

// SaveTasks implements [Store].
func (m *MemStore) SaveTasks(_ context.Context, id api.JobID, tasks []api.Task) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.tasks[id] == nil {
		m.tasks[id] = map[api.TaskID]api.Task{}
	}
	for _, t := range tasks {
		m.tasks[id][t.ID] = t
	}
	return nil
}

// TaskStates implements [Store].
func (m *MemStore) TaskStates(ctx context.Context, id api.JobID, fn func(api.Task) error) error {
	all, err := m.Tasks(ctx, id, "", -1, api.MaxTasks)
	if err != nil {
		return err
	}
	for _, t := range all {
		if err := fn(t); err != nil {
			return err
		}
	}
	return nil
}

// Tasks implements [Store].
func (m *MemStore) Tasks(_ context.Context, id api.JobID, state api.TaskState, after api.TaskID, limit int) ([]api.Task, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []api.Task
	for _, k := range slices.Sorted(maps.Keys(m.tasks[id])) {
		if t := m.tasks[id][k]; k > after && len(all) < limit && (state == "" || t.State == state) {
			all = append(all, t)
		}
	}
	return all, nil
}

// SaveLease implements [Store].
func (m *MemStore) SaveLease(_ context.Context, id api.LeaseID, job api.JobID, peer api.PeerID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.leases[id] = memLease{job, peer}
	return nil
}

// DeleteLease implements [Store].
func (m *MemStore) DeleteLease(_ context.Context, id api.LeaseID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.leases, id)
	return nil
}

// Leases implements [Store].
func (m *MemStore) Leases(_ context.Context, fn func(id api.LeaseID, job api.JobID, peer api.PeerID)) error {
	m.mu.Lock()
	all := maps.Clone(m.leases)
	m.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(all)) {
		fn(id, all[id].job, all[id].peer)
	}
	return nil
}

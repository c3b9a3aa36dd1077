package server

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

// Memory is a Store that forgets everything with its process: for tests, and
// for embedders that lend without a home. Its zero value is ready.
type Memory struct {
	mu      sync.Mutex // guards what follows
	leases  map[api.LeaseID]lease.Record
	held    map[api.LeaseID]map[lease.Key]lease.Held
	usage   map[usageKey]api.UsageRow
	lending lease.Lending
	batches int
	fail    error
}

// LoadLending reads what was applied so far.
func (m *Memory) LoadLending(context.Context) (lease.Journal, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	j := lease.Journal{Lending: m.lending}
	for id, rec := range m.leases {
		j.Leases = append(j.Leases, rec)
		for _, h := range m.held[id] {
			h.Result = nil
			j.Held = append(j.Held, h)
		}
	}
	slices.SortFunc(j.Leases, func(a, b lease.Record) int { return strings.Compare(string(a.Lease), string(b.Lease)) })
	slices.SortFunc(j.Held, func(a, b lease.Held) int { return compareKeys(a.Key, b.Key) })
	return j, nil
}

// Apply changes everything or, after FailWith, nothing.
func (m *Memory) Apply(_ context.Context, b lease.Batch) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	if m.leases == nil {
		m.leases, m.held, m.usage = map[api.LeaseID]lease.Record{}, map[api.LeaseID]map[lease.Key]lease.Held{}, map[usageKey]api.UsageRow{}
	}
	m.batches++
	for _, r := range b.Open {
		if _, ok := m.leases[r.Lease]; !ok {
			m.leases[r.Lease], m.held[r.Lease] = r, map[lease.Key]lease.Held{}
		}
	}
	for _, h := range b.Save {
		if of := m.held[h.Lease]; of != nil {
			h.Result = slices.Clone(h.Result)
			of[h.Key] = h
		}
	}
	for _, h := range b.Drop {
		delete(m.held[h.Lease], h.Key)
	}
	for _, id := range b.End {
		delete(m.leases, id)
		delete(m.held, id)
	}
	for _, u := range b.Usage {
		k := usageKey{u.Day, u.Peer, u.Job}
		sum := m.usage[k]
		sum.Day, sum.Peer, sum.Job = u.Day, u.Peer, u.Job
		m.usage[k] = addUsage(sum, u)
	}
	if b.Lending != nil {
		m.lending = *b.Lending
	}
	return nil
}

// Results reads held results.
func (m *Memory) Results(_ context.Context, id api.LeaseID, keys []lease.Key) ([]lease.Held, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []lease.Held
	for _, k := range keys {
		if h, ok := m.held[id][k]; ok {
			out = append(out, h)
		}
	}
	return out, nil
}

// Usage sums the ledger.
func (m *Memory) Usage(_ context.Context, by []string, since time.Time) ([]api.UsageRow, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	sums := map[usageKey]api.UsageRow{}
	for k, u := range m.usage {
		if k.day < since.UTC().Format(time.DateOnly) {
			continue
		}
		if !slices.Contains(by, "day") {
			k.day = ""
		}
		if !slices.Contains(by, "peer") {
			k.peer = ""
		}
		if !slices.Contains(by, "job") {
			k.job = ""
		}
		sum := sums[k]
		sum.Day, sum.Peer, sum.Job = k.day, k.peer, k.job
		sums[k] = addUsage(sum, u)
	}
	rows := make([]api.UsageRow, 0, len(sums))
	for _, r := range sums {
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(a, b api.UsageRow) int {
		return strings.Compare(a.Day+"\x00"+string(a.Peer)+"\x00"+string(a.Job), b.Day+"\x00"+string(b.Peer)+"\x00"+string(b.Job))
	})
	return rows, nil
}

// FailWith makes every later Apply fail; nil ends that.
func (m *Memory) FailWith(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = err
}

// Batches counts what was applied.
func (m *Memory) Batches() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.batches
}

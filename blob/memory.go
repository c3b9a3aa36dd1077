package blob

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// Memory is an Index that forgets everything with its process.
type Memory struct {
	mu    sync.Mutex // guards what follows
	blobs map[api.BlobID]*api.BlobEntry
	pins  map[string]map[api.BlobID]bool
	count map[api.BlobID]int // owners that pin an id
}

// NewMemory makes an empty index.
func NewMemory() *Memory {
	return &Memory{blobs: map[api.BlobID]*api.BlobEntry{}, pins: map[string]map[api.BlobID]bool{}, count: map[api.BlobID]int{}}
}

var _ Index = (*Memory)(nil)

func milli(t time.Time) time.Time { return time.UnixMilli(t.UnixMilli()) }

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func (m *Memory) Add(_ context.Context, entries []api.BlobEntry) (count, bytes int64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range entries {
		e.Used, e.Keep = milli(e.Used), milli(e.Keep)
		if old, known := m.blobs[e.ID]; known {
			old.Used, old.Keep, old.Tree = later(old.Used, e.Used), later(old.Keep, e.Keep), old.Tree || e.Tree
			continue
		}
		e.Data = slices.Clone(e.Data)
		m.blobs[e.ID] = &e
		count, bytes = count+1, bytes+e.Size
	}
	return count, bytes, nil
}

func (m *Memory) Get(_ context.Context, id api.BlobID) (api.BlobEntry, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e, known := m.blobs[id]; known {
		return *e, true, nil
	}
	return api.BlobEntry{}, false, nil
}

func (m *Memory) Touch(_ context.Context, used map[api.BlobID]time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, t := range used {
		if e, known := m.blobs[id]; known {
			e.Used = later(e.Used, milli(t))
		}
	}
	return nil
}

func (m *Memory) Pin(_ context.Context, owner string, ids []api.BlobID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pinLocked(owner, ids)
	return nil
}

func (m *Memory) pinLocked(owner string, ids []api.BlobID) {
	for _, id := range ids {
		if m.pins[owner] == nil {
			m.pins[owner] = map[api.BlobID]bool{}
		}
		if !m.pins[owner][id] {
			m.pins[owner][id] = true
			m.count[id]++
		}
	}
}

func (m *Memory) PinLike(_ context.Context, id api.BlobID, ids []api.BlobID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for owner, pinned := range m.pins {
		if pinned[id] {
			m.pinLocked(owner, ids)
		}
	}
	return nil
}

func (m *Memory) Unpin(_ context.Context, owner string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id := range m.pins[owner] {
		if m.count[id]--; m.count[id] == 0 {
			delete(m.count, id)
		}
	}
	delete(m.pins, owner)
	return nil
}

func (m *Memory) Owners(_ context.Context, prefix string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var owners []string
	for owner := range m.pins {
		if strings.HasPrefix(owner, prefix) {
			owners = append(owners, owner)
		}
	}
	slices.Sort(owners)
	return owners, nil
}

func (m *Memory) Evict(_ context.Context, want int64, now time.Time, partial bool) ([]api.BlobEntry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	order := slices.SortedFunc(maps.Values(m.blobs), func(a, b *api.BlobEntry) int { return a.Used.Compare(b.Used) })
	var gone []api.BlobEntry
	var sum int64
	for _, e := range order {
		if sum >= want || partial && len(gone) == EvictBatch {
			break
		}
		if m.count[e.ID] == 0 && !e.Keep.After(now) {
			gone = append(gone, *e)
			sum += e.Size
		}
	}
	if sum < want && !partial {
		return nil, nil
	}
	for _, e := range gone {
		delete(m.blobs, e.ID)
	}
	return gone, nil
}

func (m *Memory) Remove(_ context.Context, ids []api.BlobID, force bool) ([]api.BlobEntry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var gone []api.BlobEntry
	for _, id := range ids {
		if e, known := m.blobs[id]; known && (force || m.count[id] == 0) {
			gone = append(gone, *e)
			delete(m.blobs, id)
		}
	}
	return gone, nil
}

func (m *Memory) Each(_ context.Context, fn func(api.BlobEntry) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.blobs {
		listed := *e
		listed.Data = nil
		if err := fn(listed); err != nil {
			return err
		}
	}
	return nil
}

func (m *Memory) Totals(context.Context) (count, bytes, pinned int64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, e := range m.blobs {
		count, bytes = count+1, bytes+e.Size
		if m.count[id] > 0 {
			pinned += e.Size
		}
	}
	return count, bytes, pinned, nil
}

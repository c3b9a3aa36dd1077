package job

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"lukechampine.com/blake3"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// memBlobs is a content store in memory that is also its own Fetcher.
type memBlobs struct {
	mu      sync.Mutex
	here    map[api.BlobID][]byte
	away    map[api.BlobID][]byte // what lenders have
	pins    map[string]map[api.BlobID]bool
	fail    func(id api.BlobID) error
	fetched int
}

func newBlobs() *memBlobs {
	return &memBlobs{here: map[api.BlobID][]byte{}, away: map[api.BlobID][]byte{}, pins: map[string]map[api.BlobID]bool{}}
}

type nopCloser struct{ *bytes.Reader }

func (nopCloser) Close() error { return nil }

func (b *memBlobs) Put(_ context.Context, r io.Reader) (api.BlobInfo, error) {
	data, err := io.ReadAll(r)
	id := api.BlobID(blake3.Sum256(data))
	b.mu.Lock()
	defer b.mu.Unlock()
	b.here[id] = data
	return api.BlobInfo{ID: id, Size: int64(len(data))}, err
}
func (b *memBlobs) lent(data string) api.BlobID {
	id := api.BlobID(blake3.Sum256([]byte(data)))
	b.mu.Lock()
	defer b.mu.Unlock()
	b.away[id] = []byte(data)
	return id
}
func (b *memBlobs) Has(id api.BlobID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.here[id] != nil
}
func (b *memBlobs) Size(id api.BlobID) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return int64(len(b.here[id])), nil
}
func (b *memBlobs) Reader(id api.BlobID) (io.ReadSeekCloser, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return nopCloser{bytes.NewReader(b.here[id])}, nil
}
func (b *memBlobs) Pin(_ context.Context, owner string, ids ...api.BlobID) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pins[owner] == nil {
		b.pins[owner] = map[api.BlobID]bool{}
	}
	for _, id := range ids {
		b.pins[owner][id] = true
	}
	return nil
}
func (b *memBlobs) Unpin(_ context.Context, owner string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.pins, owner)
	return nil
}
func (b *memBlobs) Fetch(_ context.Context, id api.BlobID, _ ...api.PeerID) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail != nil {
		if err := b.fail(id); err != nil {
			return err
		}
	}
	data, ok := b.away[id]
	if !ok {
		return api.Errorf(api.KindNotFound, "no source has it")
	}
	b.fetched++
	b.here[id] = data
	return nil
}

// world is an engine in a pool of fake lenders.
type world struct {
	t      testing.TB
	pool   *pool
	blobs  *memBlobs
	store  Store
	e      *Engine
	cancel context.CancelFunc
	done   chan error

	mu     sync.Mutex
	events []api.Event
}

func newWorld(t testing.TB, store Store, lenders ...*lender) *world {
	w := &world{t: t, pool: newPool(), blobs: newBlobs(), store: store}
	for _, l := range lenders {
		w.pool.add(l)
	}
	w.start()
	return w
}

func (w *world) start() {
	log := slog.New(slog.DiscardHandler)
	if testing.Verbose() {
		log = slog.New(slog.NewTextHandler(testWriter{w.t}, &slog.HandlerOptions{Level: slog.LevelInfo}))
	}
	e, err := New(Config{Self: "self", Store: w.store, Dial: w.pool, Peers: w.pool, Blobs: w.blobs, Fetch: w.blobs, Log: log,
		OnEvent: func(ev api.Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.events = append(w.events, ev)
		}})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.e, w.cancel, w.done = e, cancel, make(chan error, 1)
	done := w.done
	go func() { done <- e.Run(ctx) }()
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(string(bytes.TrimSpace(p)))
	return len(p), nil
}

func (w *world) stop() {
	w.t.Helper()
	w.cancel()
	if err := <-w.done; err != nil {
		w.t.Fatal(err)
	}
}

// close stops everything; lenders' serving goroutines too.
func (w *world) close() {
	w.stop()
	for _, l := range w.pool.lenders {
		l.cut(true)
	}
	w.pool.wg.Wait()
}

func (w *world) submit(spec api.JobSpec) api.Job {
	w.t.Helper()
	j, err := w.e.Submit(context.Background(), spec)
	if err != nil {
		w.t.Fatal(err)
	}
	return j
}

// wait polls until the job has ended or the time is up; in a synctest bubble the
// time is virtual.
func (w *world) wait(id api.JobID, limit time.Duration) api.Job {
	w.t.Helper()
	return w.until(id, limit, func(j api.Job) bool { return j.State.Terminal() })
}

func (w *world) until(id api.JobID, limit time.Duration, ok func(api.Job) bool) api.Job {
	w.t.Helper()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for end := time.Now().Add(limit); ; <-poll.C {
		j, err := w.e.Job(id)
		if err != nil {
			w.t.Fatal(err)
		}
		if ok(j.Job) {
			return j.Job
		}
		if time.Now().After(end) {
			w.t.Fatalf("job is %s after %s: %+v", j.State, limit, j.Job)
		}
	}
}

func (w *world) results(id api.JobID) map[api.TaskID]api.Task {
	w.t.Helper()
	got := map[api.TaskID]api.Task{}
	last := api.TaskID(-1)
	err := w.e.Results(context.Background(), id, func(t api.Task) error {
		if t.ID <= last {
			w.t.Fatalf("result %d after %d", t.ID, last)
		}
		last = t.ID
		got[t.ID] = t
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return got
}

func batch(n int64) api.JobSpec {
	return api.JobSpec{Name: "t", Runtime: api.RuntimeProcess, Command: []string{"echo", "{k}"}, Each: []api.Axis{{Name: "k", From: 1, To: n}}}
}

func (w *world) honest(lenders ...*lender) {
	w.t.Helper()
	for _, l := range lenders {
		if _, _, broke, held := l.counts(); broke != "" || held > 0 {
			w.t.Fatalf("lender %s: protocol broken: %q, %d results never acknowledged", l.id, broke, held)
		}
	}
}

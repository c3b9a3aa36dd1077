package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/bufpipe"
	"github.com/Akilan1999/p2p-rendering-computation/server"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

// settings keeps the owner's decisions in memory.
type settings struct {
	mu     sync.Mutex
	limits api.Limits
	rules  []api.Rule
	fail   error
}

func (s *settings) Load() (api.Limits, []api.Rule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.limits, s.rules
}

func (s *settings) Commit(_ context.Context, l api.Limits, rules []api.Rule) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return s.fail
	}
	s.limits, s.rules = l, rules
	return nil
}

// rig is a server with everything round it faked.
type rig struct {
	*server.Server
	t     testing.TB
	rt    *fakeRuntime
	blobs *memBlobs
	store *server.Memory
	set   *settings
	cfg   server.Config

	mu     sync.Mutex
	events []api.Event

	cancel context.CancelFunc
	done   chan error
}

// newRig starts a server that lends slots slots of one core.
func newRig(t testing.TB, slots int, change ...func(*rig)) *rig {
	t.Helper()
	r := &rig{t: t, rt: newFake(), blobs: newBlobs(t), store: &server.Memory{}, set: &settings{}}
	r.set.limits = api.Limits{Total: api.Resources{CPU: float64(slots), Memory: 8 << 30}}
	r.cfg = server.Config{
		Self: "self", Machine: api.Resources{CPU: 64, Memory: 64 << 30, GPU: 2}, Runtimes: []runtime.Runtime{r.rt},
		Blobs: r.blobs, Fetch: r.blobs, Store: r.store, Settings: r.set, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
		OnEvent: func(e api.Event) { r.mu.Lock(); r.events = append(r.events, e); r.mu.Unlock() },
	}
	for _, fn := range change {
		fn(r)
	}
	r.start()
	return r
}

func (r *rig) start() {
	r.t.Helper()
	var err error
	if r.Server, err = server.New(r.cfg); err != nil {
		r.t.Fatal(err)
	}
	var ctx context.Context
	ctx, r.cancel = context.WithCancel(context.Background())
	r.done = make(chan error, 1)
	go func() { r.done <- r.Run(ctx) }()
}

// stop ends the server and checks that it left nothing behind.
func (r *rig) stop() {
	r.t.Helper()
	r.cancel()
	if err := <-r.done; err != nil {
		r.t.Errorf("run: %v", err)
	}
	if n := r.rt.sandboxes(); n != 0 {
		r.t.Errorf("%d sandboxes are left open", n)
	}
}

func (r *rig) seen(typ api.EventType) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, e := range r.events {
		if e.Type == typ {
			n++
		}
	}
	return n
}

// frame is one message from the lender.
type frame struct {
	kind wire.Kind
	body []byte
}

// borrower is the other end of a lease, for a test to play.
type borrower struct {
	t      testing.TB
	st     *bufpipe.End
	w      *wire.Writer
	frames chan frame
	served chan struct{} // closed when ServeLease returned
	log    func(dir string, kind wire.Kind, body []byte)

	kept []frame // read while something else was expected
}

var module = api.BlobID{1, 2, 3}

func member(name string) api.Caller { return api.Caller{Peer: api.PeerID(name), Role: api.RoleMember} }

const (
	alice = "12D3KooWAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	bob   = "12D3KooWBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"
)

func anOpen(id api.LeaseID) lease.Open {
	return lease.Open{Lease: id, Job: "JOB" + api.JobID(id), JobName: "job", Runtime: api.RuntimeWasm, Module: module, Needs: api.Resources{CPU: 1, Memory: 64 << 20}}
}

// connect gives who a stream to the server.
func (r *rig) connect(who api.Caller) *borrower {
	r.blobs.mu.Lock()
	if _, ok := r.blobs.data[module]; !ok {
		r.blobs.data[module] = []byte("a module")
	}
	r.blobs.mu.Unlock()
	ours, theirs := bufpipe.Pair(256 << 10)
	b := &borrower{t: r.t, st: ours, w: wire.NewWriter(ours, lease.MaxFrame), frames: make(chan frame, 100_000), served: make(chan struct{})}
	go func() {
		defer close(b.served)
		r.ServeLease(context.Background(), who, theirs)
	}()
	go func() {
		defer close(b.frames)
		rd := wire.NewReader(ours, lease.MaxFrame)
		for {
			kind, body, err := rd.Next()
			if err != nil {
				return
			}
			b.frames <- frame{kind, bytes.Clone(body)}
		}
	}()
	return b
}

// lend opens a lease and returns its grant.
func (r *rig) lend(who string, o lease.Open) (*borrower, lease.Grant) {
	r.t.Helper()
	b := r.connect(member(who))
	b.send(lease.KindOpen, o)
	return b, expect[lease.Grant](b, lease.KindGrant)
}

func (b *borrower) send(kind wire.Kind, v any) {
	b.t.Helper()
	body, err := json.Marshal(v)
	if err != nil {
		b.t.Fatal(err)
	}
	if b.log != nil {
		b.log(">", kind, body)
	}
	if err := b.w.Write(kind, body); err != nil {
		b.t.Logf("send %d: %v", kind, err)
	}
}

func task(id api.TaskID, args ...string) lease.Task {
	return lease.Task{Key: key(id), Args: args}
}

func key(id api.TaskID) lease.Key { return lease.Key{Task: id, Attempt: 1} }

func (b *borrower) assign(tasks ...lease.Task) {
	b.t.Helper()
	b.send(lease.KindAssign, lease.Assign{Tasks: tasks})
}

func (b *borrower) ack(keys ...lease.Key) { b.send(lease.KindAck, lease.Keys{Keys: keys}) }

// next is the next frame of one of the kinds; others are kept for later.
func (b *borrower) next(kinds ...wire.Kind) frame {
	b.t.Helper()
	for i, f := range b.kept {
		if slices.Contains(kinds, f.kind) {
			b.kept = slices.Delete(b.kept, i, i+1)
			return f
		}
	}
	timeout := time.After(time.Hour) // of virtual time; the test's own deadline otherwise
	for {
		select {
		case f, ok := <-b.frames:
			if !ok {
				b.t.Fatalf("the stream ended while kinds %v were awaited", kinds)
			}
			if b.log != nil {
				b.log("<", f.kind, f.body)
			}
			if slices.Contains(kinds, f.kind) {
				return f
			}
			b.kept = append(b.kept, f)
		case <-timeout:
			b.t.Fatalf("no frame of kinds %v", kinds)
		}
	}
}

func expect[T any](b *borrower, kind wire.Kind) T {
	b.t.Helper()
	var v T
	if err := wire.Decode(b.next(kind).body, &v); err != nil {
		b.t.Fatal(err)
	}
	return v
}

// results waits for n results.
func (b *borrower) results(n int) []lease.Result {
	b.t.Helper()
	var all []lease.Result
	for len(all) < n {
		all = append(all, expect[lease.Finished](b, lease.KindFinished).Results...)
	}
	slices.SortFunc(all, func(x, y lease.Result) int { return int(x.Task - y.Task) })
	return all
}

// back waits for n attempts to be given back, all for one cause.
func (b *borrower) back(n int) lease.GivenBack {
	b.t.Helper()
	var all lease.GivenBack
	for len(all.Keys) < n {
		g := expect[lease.GivenBack](b, lease.KindGivenBack)
		if all.Cause != "" && all.Cause != g.Cause {
			b.t.Fatalf("given back as %s and as %s", all.Cause, g.Cause)
		}
		all.Keys, all.Cause, all.Reason = append(all.Keys, g.Keys...), g.Cause, g.Reason
	}
	return all
}

// ended waits until the lender ended the stream.
func (b *borrower) ended() {
	b.t.Helper()
	for range b.frames { //nolint:revive // drained
	}
	b.hangUp()
}

func (b *borrower) hangUp() {
	b.st.Reset() //nolint:errcheck // gone either way
	<-b.served
	for range b.frames { //nolint:revive // drained
	}
}

func (b *borrower) String() string { return fmt.Sprintf("borrower %p", b) }

func unmarshal(body []byte, v any) error { return wire.Decode(body, v) }

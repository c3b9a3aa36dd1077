package container_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/agent/session"
	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/bufpipe"
	"github.com/Akilan1999/p2p-rendering-computation/server/container"
	wcontainer "github.com/Akilan1999/p2p-rendering-computation/wire/container"
)

// fakeEngine has containers that do nothing but use a tenth of a core.
type fakeEngine struct {
	mu     sync.Mutex
	boxes  map[api.ContainerID]*fakeBox
	down   bool
	tidied int
	fail   map[string]error // of an operation, by its name
	on     func(op string)  // called, without the lock, before each one
}

type fakeBox struct {
	running, paused bool
	since           time.Time
	image           string
}

var errDown = api.Errorf(api.KindUnavailable, "no engine answers")

// do does one operation to a container that must be there.
func (e *fakeEngine) do(ctx context.Context, op string, id api.ContainerID, fn func(*fakeBox)) error {
	if e.on != nil {
		e.on(op)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	b := e.boxes[id]
	switch {
	case e.down:
		return errDown
	case ctx.Err() != nil:
		return ctx.Err()
	case e.fail[op] != nil:
		return e.fail[op]
	case b == nil:
		return api.Errorf(api.KindNotFound, "no such container")
	}
	fn(b)
	return nil
}

func (e *fakeEngine) Make(ctx context.Context, p container.Plan) error {
	e.mu.Lock()
	e.boxes[p.ID] = &fakeBox{image: p.Image}
	e.mu.Unlock()
	return e.do(ctx, "make", p.ID, func(b *fakeBox) { b.running, b.since = true, time.Now() })
}

func (e *fakeEngine) Start(ctx context.Context, id api.ContainerID) error {
	return e.do(ctx, "start", id, func(b *fakeBox) { b.running, b.since = true, time.Now() })
}

func (e *fakeEngine) Stop(ctx context.Context, id api.ContainerID) error {
	return e.do(ctx, "stop", id, func(b *fakeBox) { b.running = false })
}

func (e *fakeEngine) Freeze(ctx context.Context, id api.ContainerID) error {
	return e.do(ctx, "freeze", id, func(b *fakeBox) { b.paused = true })
}

func (e *fakeEngine) Thaw(ctx context.Context, id api.ContainerID) error {
	return e.do(ctx, "thaw", id, func(b *fakeBox) { b.paused = false })
}

func (e *fakeEngine) Remove(ctx context.Context, id api.ContainerID) error {
	err := e.do(ctx, "remove", id, func(*fakeBox) { delete(e.boxes, id) })
	if api.KindOf(err) == api.KindNotFound {
		return nil
	}
	return err
}

func (e *fakeEngine) List(context.Context) (found []container.Found, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.down {
		return nil, errDown
	}
	for id, b := range e.boxes {
		found = append(found, container.Found{ID: id, Running: b.running, Paused: b.paused})
	}
	return found, nil
}

func (e *fakeEngine) Usage(ctx context.Context, id api.ContainerID) (u container.Usage, err error) {
	err = e.do(ctx, "usage", id, func(b *fakeBox) {
		u = container.Usage{CPUTime: time.Since(b.since) / 10, Memory: 10 << 20, Procs: 2}
	})
	return u, err
}

func (e *fakeEngine) Disk(ctx context.Context, id api.ContainerID) (n int64, err error) {
	return 0, e.do(ctx, "disk", id, func(*fakeBox) {})
}

func (e *fakeEngine) Logs(context.Context, api.ContainerID, bool, int, io.Writer, io.Writer) error {
	return nil
}

func (e *fakeEngine) Sessions(context.Context, api.ContainerID) (*session.Mux, error) {
	return nil, errors.New("no agent lives here")
}

func (e *fakeEngine) Tidy(context.Context, time.Time) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.tidied++
	return nil
}

func (e *fakeEngine) Quiet(context.Context, api.ImageID) error { return nil }

func (e *fakeEngine) Build(context.Context, io.Reader, api.Resources, func(string)) (string, error) {
	return "", errors.New("nothing is built here")
}

// state is what the engine has of a container.
func (e *fakeEngine) state(id api.ContainerID) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch b := e.boxes[id]; {
	case b == nil:
		return "none"
	case b.paused:
		return "paused"
	case b.running:
		return "running"
	}
	return "stopped"
}

// set changes the engine behind the keeper's back.
func (e *fakeEngine) set(fn func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	fn()
}

// fakeRoom lends as much as is asked for.
type fakeRoom struct {
	mu     sync.Mutex
	held   map[api.SandboxID]api.PeerID
	cpu    map[api.PeerID]time.Duration
	gpu    float64 // GPU-seconds of all
	most   int     // containers that Over leaves; 0: all
	paused bool
	barred error
}

// count is how many containers hold some of it.
func (r *fakeRoom) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.held)
}

func (r *fakeRoom) Reserve(who api.Caller, id api.SandboxID, needs api.Resources, _ api.GuestNetwork) (api.Resources, error) {
	r.Adopt(who.Peer, id, needs)
	return needs, nil
}

func (r *fakeRoom) Adopt(who api.PeerID, id api.SandboxID, _ api.Resources) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held[id] = who
}

func (r *fakeRoom) Release(id api.SandboxID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.held, id)
}

func (r *fakeRoom) Over(order []api.SandboxID) []api.SandboxID {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.most == 0 {
		return nil
	}
	return order[:max(0, len(order)-r.most)]
}

// OverUnder takes the most cores of all for the most containers of all.
func (r *fakeRoom) OverUnder(l api.Limits, order []api.SandboxID) []api.SandboxID {
	return order[:max(0, len(order)-int(l.Total.CPU))]
}

func (r *fakeRoom) Paused() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.paused
}

func (r *fakeRoom) Permitted(api.Caller, api.GuestNetwork) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.barred
}

// PermittedUnder has the first row decide for whom it names.
func (r *fakeRoom) PermittedUnder(rules []api.Rule, who api.Caller, _ api.GuestNetwork) error {
	if len(rules) == 0 || rules[0].Subject == string(who.Peer) && !rules[0].Allow {
		return api.Errorf(api.KindDenied, "no row")
	}
	return nil
}

// set is the owner, who changes his mind.
func (r *fakeRoom) set(fn func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fn()
}

func (r *fakeRoom) charged(who api.PeerID) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cpu[who]
}

func (r *fakeRoom) Charge(who api.PeerID, _ api.SandboxID, used api.UsageRow) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gpu += used.GPUSeconds
	r.cpu[who] += time.Duration(used.CPUSeconds * float64(time.Second))
}

// Building charges a build that took as long as its cap is large.
func (r *fakeRoom) Building(who api.PeerID, id api.SandboxID, cap api.Resources) func() {
	return func() { r.Charge(who, id, api.UsageRow{CPUSeconds: cap.CPU}) }
}

func (r *fakeRoom) Limits() api.Limits {
	return api.Limits{MaxWall: api.Duration(48 * time.Hour), MaxProcs: 100}
}

// fakeStore keeps what it is told to as bytes, like a disk.
type fakeStore struct {
	mu   sync.Mutex
	docs map[string][]byte
}

func (s *fakeStore) Load(_ context.Context, fn func([]byte) error) error {
	s.mu.Lock()
	docs := maps.Clone(s.docs)
	s.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(docs)) {
		if err := fn(docs[key]); err != nil {
			return err
		}
	}
	return nil
}

func (s *fakeStore) Save(_ context.Context, key string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.docs[key] = b
	return nil
}

func (s *fakeStore) Drop(_ context.Context, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.docs, key)
	return nil
}

// fakeImages brings images when bring says so.
type fakeImages struct {
	bring func(ctx context.Context) error
	holds int
}

func (i *fakeImages) Bring(ctx context.Context, name string, id api.ImageID, _ api.Caller, tell func(api.ImageProgress)) (api.ImageID, func(), error) {
	if id == "" {
		id = api.ImageID(name)
	}
	tell(api.ImageProgress{Image: id, State: api.ImageFetching})
	if i.bring != nil {
		if err := i.bring(ctx); err != nil {
			return "", nil, err
		}
	}
	i.holds++
	return id, func() { i.holds-- }, nil
}

// rig is a keeper with everything round it faked. The node may die and live again
// on the same engine and store.
type rig struct {
	*container.Keeper
	t      *testing.T
	engine *fakeEngine
	room   *fakeRoom
	store  *fakeStore
	images *fakeImages
	stop   context.CancelFunc
	done   chan error
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, engine: &fakeEngine{boxes: map[api.ContainerID]*fakeBox{}, fail: map[string]error{}},
		store: &fakeStore{docs: map[string][]byte{}}, images: &fakeImages{}}
	r.live()
	return r
}

// live is a process of the node's, from its start on.
func (r *rig) live() {
	r.room = &fakeRoom{held: map[api.SandboxID]api.PeerID{}, cpu: map[api.PeerID]time.Duration{}}
	r.start()
}

func (r *rig) start() {
	r.Keeper = container.New(container.Config{Engine: r.engine, Room: r.room, Store: r.store, Images: r.images, Templates: r.t.TempDir(),
		Names: func(id api.PeerID) string { return string(id) },
		Roles: func() map[api.PeerID]api.Role {
			return map[api.PeerID]api.Role{"alice": api.RoleMember, "bob": api.RoleMember}
		},
		Log: slog.New(slog.NewTextHandler(r.t.Output(), nil))})
	var ctx context.Context
	ctx, r.stop = context.WithCancel(context.Background())
	r.done = make(chan error, 1)
	go func(k *container.Keeper) { r.done <- k.Run(ctx) }(r.Keeper)
}

// end lets the node end, as it is told to or, with kill, at once: what it does
// then does not reach the engine.
func (r *rig) end(kill bool) {
	r.t.Helper()
	was := r.engine.down
	r.engine.set(func() { r.engine.down = was || kill })
	r.stop()
	if err := <-r.done; err != nil {
		r.t.Error(err)
	}
	r.engine.set(func() { r.engine.down = was })
}

// ask plays a borrower that sends one request and reads all that comes.
func (r *rig) ask(who api.PeerID, req wcontainer.Request) (rows []wcontainer.Row, err error) {
	near, far := bufpipe.Pair(1 << 20)
	served := make(chan struct{})
	go func() {
		defer close(served)
		r.Serve(context.Background(), api.Caller{Peer: who, Role: api.RoleMember}, far)
	}()
	err = wcontainer.Ask(near, req, func(row wcontainer.Row) error { rows = append(rows, row); return nil })
	_ = near.Close()
	<-served
	return rows, err
}

// create makes a container of alice's.
func (r *rig) create(id api.ContainerID, name string) error {
	_, err := r.ask("alice", wcontainer.Request{Op: wcontainer.OpCreate, ID: id, Spec: &api.ContainerSpec{Name: name, Image: "busybox"}})
	return err
}

// seen is a container as alice's listing has it.
func (r *rig) seen(id api.ContainerID) api.Container {
	r.t.Helper()
	rows, err := r.ask("alice", wcontainer.Request{Op: wcontainer.OpList})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, row := range rows {
		if row.Container.ID == id {
			return *row.Container
		}
	}
	return api.Container{State: "none"}
}

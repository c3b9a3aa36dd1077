package server_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
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

// fakeRuntime executes a few words instead of programs.
type fakeRuntime struct {
	name      api.RuntimeName
	isolation string

	mu      sync.Mutex
	opened  int
	open    map[api.SandboxID]*fakeSandbox
	openErr error
	left    []runtime.Sandbox          // what Recover finds
	gates   map[string]chan struct{}   // "wait NAME" ends when closed
	ran     map[string]int             // how often each first argument of "echo" ran
	limits  runtime.Limits             // of the last command
	files   []runtime.File             // of the last command
	env     []string                   // of the last command
	specs   []runtime.Spec             // of every Open
	most    int                        // sandboxes open at once
	busy    map[api.PeerID]int         // commands under way
	mostOf  map[api.PeerID]int         // the most of them
	onExec  func(api.PeerID, []string) // told of each command
}

func newFake() *fakeRuntime {
	return &fakeRuntime{
		name: api.RuntimeWasm, isolation: "a fake", open: map[api.SandboxID]*fakeSandbox{}, gates: map[string]chan struct{}{},
		ran: map[string]int{}, busy: map[api.PeerID]int{}, mostOf: map[api.PeerID]int{},
	}
}

func (r *fakeRuntime) Name() api.RuntimeName { return r.name }

func (r *fakeRuntime) Probe(context.Context) (api.RuntimeInfo, error) {
	return api.RuntimeInfo{Name: r.name, Available: true, Isolation: r.isolation}, nil
}

func (r *fakeRuntime) Recover(context.Context) ([]runtime.Sandbox, error) { return r.left, nil }

func (r *fakeRuntime) Open(_ context.Context, spec runtime.Spec) (runtime.Sandbox, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.openErr != nil {
		return nil, r.openErr
	}
	r.opened++
	r.specs = append(r.specs, spec)
	sb := &fakeSandbox{r: r, spec: spec, gone: make(chan struct{})}
	r.open[spec.ID] = sb
	r.most = max(r.most, len(r.open))
	return sb, nil
}

func (r *fakeRuntime) gate(name string) chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gates[name] == nil {
		r.gates[name] = make(chan struct{})
	}
	return r.gates[name]
}

func (r *fakeRuntime) release(name string) { close(r.gate(name)) }

func (r *fakeRuntime) sandboxes() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.open)
}

type fakeSandbox struct {
	r    *fakeRuntime
	spec runtime.Spec
	gone chan struct{}

	mu      sync.Mutex
	closed  bool
	paused  bool
	failing error // of Pause
	cpu     time.Duration
}

func (s *fakeSandbox) ID() api.SandboxID { return s.spec.ID }

func (s *fakeSandbox) Usage(context.Context) (runtime.Usage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return runtime.Usage{}, api.Errorf(api.KindLost, "closed")
	}
	s.cpu += 500 * time.Millisecond
	return runtime.Usage{CPUTime: s.cpu, Memory: 5 << 20, Procs: 1}, nil
}

func (s *fakeSandbox) Pause(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failing != nil {
		return s.failing
	}
	s.paused = true
	return nil
}

func (s *fakeSandbox) Resume(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paused = false
	return nil
}

func (s *fakeSandbox) isPaused() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.paused
}

func (s *fakeSandbox) Close(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	close(s.gone)
	s.r.mu.Lock()
	delete(s.r.open, s.spec.ID)
	s.r.mu.Unlock()
	return nil
}

func (s *fakeSandbox) Exec(ctx context.Context, cmd runtime.Command, st runtime.Streams) (runtime.Result, error) {
	s.r.mu.Lock()
	s.r.limits, s.r.files, s.r.env = cmd.Limits, cmd.Files, cmd.Env
	b := s.spec.Borrower
	s.r.busy[b]++
	s.r.mostOf[b] = max(s.r.mostOf[b], s.r.busy[b])
	told := s.r.onExec
	s.r.mu.Unlock()
	if told != nil {
		told(b, cmd.Args)
	}
	defer func() {
		s.r.mu.Lock()
		s.r.busy[b]--
		s.r.mu.Unlock()
	}()
	res := runtime.Result{Usage: api.TaskUsage{Wall: api.Duration(time.Millisecond), CPU: api.Duration(2 * time.Millisecond), MaxMemory: 1 << 20}}
	arg := func(i int) string {
		if i < len(cmd.Args) {
			return cmd.Args[i]
		}
		return ""
	}
	var err error
	switch arg(0) {
	case "echo":
		s.r.mu.Lock()
		s.r.ran[arg(1)]++
		s.r.mu.Unlock()
		_, err = io.WriteString(st.Stdout, arg(1))
	case "err":
		_, err = io.WriteString(st.Stderr, arg(1))
	case "exit":
		res.Exit.Code, err = strconv.Atoi(arg(1))
	case "print":
		n, _ := strconv.Atoi(arg(1))
		for chunk := bytes.Repeat([]byte("x"), 4096); n > 0 && err == nil; n -= len(chunk) {
			_, err = st.Stdout.Write(chunk[:min(n, len(chunk))])
		}
	case "cat":
		for _, f := range cmd.Files {
			if f.Path == arg(1) {
				data, rerr := os.ReadFile(f.Source)
				_, werr := st.Stdout.Write(data)
				err = errors.Join(rerr, werr)
			}
		}
		if arg(1) == "-" && st.Stdin != nil {
			_, err = io.Copy(st.Stdout, st.Stdin)
		}
	case "make":
		for _, name := range cmd.Args[1:] {
			if err == nil {
				err = st.Output(name, 0o644, int64(len(name)), bytes.NewReader([]byte(name)))
			}
		}
	case "sleep":
		d, _ := time.ParseDuration(arg(1))
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			err = ctx.Err()
		case <-s.gone:
			err = api.Errorf(api.KindLost, "the sandbox was closed")
		}
	case "wait":
		select {
		case <-s.r.gate(arg(1)):
		case <-ctx.Done():
			err = ctx.Err()
		case <-s.gone:
			err = api.Errorf(api.KindLost, "the sandbox was closed")
		}
	case "stubborn": // does not end when asked
		<-s.gone
		err = api.Errorf(api.KindLost, "the sandbox was closed")
	case "lose":
		err = api.Errorf(api.KindLost, "the sandbox died")
	case "ill":
		err = errors.New("the agent stuttered")
	}
	return res, err
}

// memBlobs is a content store in memory, with files only where a path is asked for.
type memBlobs struct {
	dir string

	mu     sync.Mutex
	data   map[api.BlobID][]byte
	trees  map[api.BlobID]api.Tree
	pins   map[string][]api.BlobID
	remote map[api.BlobID][]byte // what Fetch finds
	asked  map[api.BlobID]int
	full   error // of Put
	hold   chan struct{}
}

func newBlobs(t testing.TB) *memBlobs {
	return &memBlobs{
		dir: t.TempDir(), data: map[api.BlobID][]byte{}, trees: map[api.BlobID]api.Tree{}, pins: map[string][]api.BlobID{},
		remote: map[api.BlobID][]byte{}, asked: map[api.BlobID]int{},
	}
}

func (b *memBlobs) Put(_ context.Context, r io.Reader) (api.BlobInfo, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return api.BlobInfo{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.full != nil {
		return api.BlobInfo{}, b.full
	}
	id := api.BlobID(sha256.Sum256(data))
	b.data[id] = data
	return api.BlobInfo{ID: id, Size: int64(len(data))}, nil
}

func (b *memBlobs) far(data string) api.BlobID {
	id := api.BlobID(sha256.Sum256([]byte(data)))
	b.mu.Lock()
	defer b.mu.Unlock()
	b.remote[id] = []byte(data)
	return id
}

func (b *memBlobs) Path(id api.BlobID) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	data, ok := b.data[id]
	if !ok {
		return "", api.Errorf(api.KindNotFound, "no blob %s", id)
	}
	p := filepath.Join(b.dir, id.String())
	return p, os.WriteFile(p, data, 0o600)
}

func (b *memBlobs) Has(id api.BlobID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, ok := b.data[id]
	return ok
}

func (b *memBlobs) Size(id api.BlobID) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return int64(len(b.data[id])), nil
}

func (b *memBlobs) Pin(_ context.Context, owner string, ids ...api.BlobID) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pins[owner] = append(b.pins[owner], ids...)
	return nil
}

func (b *memBlobs) Unpin(_ context.Context, owner string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.pins, owner)
	return nil
}

func (b *memBlobs) owners() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []string
	for o := range b.pins {
		all = append(all, o)
	}
	slices.Sort(all)
	return all
}

func (b *memBlobs) Tree(_ context.Context, id api.BlobID) (api.Tree, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t, ok := b.trees[id]
	if !ok {
		return t, api.Errorf(api.KindInvalid, "blob %s is no folder", id)
	}
	return t, nil
}

func (b *memBlobs) Fetch(ctx context.Context, id api.BlobID, _ ...api.PeerID) error {
	b.mu.Lock()
	b.asked[id]++
	data, ok := b.remote[id]
	hold := b.hold
	b.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if !ok {
		return api.Errorf(api.KindUnavailable, "nobody has blob %s", id)
	}
	b.mu.Lock()
	b.data[id] = data
	b.mu.Unlock()
	return nil
}

func (b *memBlobs) FetchTree(ctx context.Context, id api.BlobID, from ...api.PeerID) (api.Tree, error) {
	t, err := b.Tree(ctx, id)
	if err != nil {
		return t, err
	}
	for _, f := range t.Files {
		if err := b.Fetch(ctx, f.Blob, from...); err != nil {
			return t, err
		}
	}
	return t, nil
}

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

	mu   sync.Mutex
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

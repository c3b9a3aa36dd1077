package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/blob"
	"github.com/Akilan1999/p2p-rendering-computation/internal/bufpipe"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

// memStore remembers in memory.
type memStore struct {
	mu  sync.Mutex
	all map[api.ImageID]api.KeptImage
}

func (s *memStore) Images(context.Context) (out []api.KeptImage, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, img := range s.all {
		out = append(out, img)
	}
	return out, nil
}

func (s *memStore) SaveImage(_ context.Context, img api.KeptImage) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all[img.ID] = img
	return nil
}

func (s *memStore) DeleteImage(_ context.Context, id api.ImageID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, id)
	return nil
}

// world is nodes that can reach each other.
type world struct {
	t     testing.TB
	mu    sync.Mutex // guards nodes and dead
	nodes map[api.PeerID]*box
	dead  map[api.PeerID]bool
	work  sync.WaitGroup
}

// box is a node with an engine.
type box struct {
	*Keeper
	w      *world
	id     api.PeerID
	blobs  *blob.Store
	x      *blob.Exchange
	engine *fakeEngine
	store  *memStore

	mu     sync.Mutex // guards what follows
	most   int64
	denied error
	needed map[api.ImageID]bool
}

func newWorld(t testing.TB, names ...api.PeerID) *world {
	w := &world{t: t, nodes: map[api.PeerID]*box{}, dead: map[api.PeerID]bool{}}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() {
		cancel()
		w.work.Wait()
	})
	for _, id := range names {
		b := &box{w: w, id: id, blobs: newBlobs(t, 0), engine: newEngine(), store: &memStore{all: map[api.ImageID]api.KeptImage{}}, most: 1 << 30, needed: map[api.ImageID]bool{}}
		b.x = blob.NewExchange(b.blobs, b, quiet)
		b.restart()
		w.nodes[id] = b
		w.work.Go(func() {
			if err := b.x.Run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	return w
}

// restart makes the keeper anew from what is on disk.
func (b *box) restart() {
	b.w.t.Helper()
	k, err := New(context.Background(), Config{
		Self: b.id, Engine: b.engine, Blobs: b.blobs, Fetch: b.x, Store: b.store, Dial: b, Log: quiet,
		Allowed: func(context.Context, api.Caller) error { b.mu.Lock(); defer b.mu.Unlock(); return b.denied },
		Pulls:   func(context.Context, api.Caller, string) error { b.mu.Lock(); defer b.mu.Unlock(); return b.denied },
		Most:    func() int64 { b.mu.Lock(); defer b.mu.Unlock(); return b.most },
		Needed:  func(id api.ImageID) bool { b.mu.Lock(); defer b.mu.Unlock(); return b.needed[id] },
		Alive:   func(id api.PeerID) bool { b.w.mu.Lock(); defer b.w.mu.Unlock(); return !b.w.dead[id] },
	})
	if err != nil {
		b.w.t.Fatal(err)
	}
	b.Keeper = k
}

// OpenStream makes the box its keeper's and exchange's dialer.
func (b *box) OpenStream(_ context.Context, peer api.PeerID, protocol string) (wire.Stream, error) {
	b.w.mu.Lock()
	other, dead := b.w.nodes[peer], b.w.dead[peer]
	b.w.mu.Unlock()
	if other == nil || dead {
		return nil, api.Errorf(api.KindUnavailable, "%s cannot be reached", peer)
	}
	near, far := bufpipe.Pair(256 << 10)
	b.w.work.Go(func() {
		from := api.Caller{Peer: b.id, Role: api.RoleMember}
		if protocol == Protocol {
			other.Serve(context.Background(), from, far)
		} else {
			other.x.Serve(context.Background(), from, far)
		}
		_ = far.Close() // cannot fail
	})
	return near, nil
}

// send gives an image away and returns what came of it, by peer.
func (b *box) send(name string, peers ...api.PeerID) (map[api.PeerID]api.ImageProgress, error) {
	last := map[api.PeerID]api.ImageProgress{}
	err := b.Send(b.w.t.Context(), api.SendImage{Image: name, Peers: peers}, func(p api.ImageProgress) error {
		last[p.Peer] = p
		return nil
	})
	return last, err
}

func (b *box) has(p picture) bool {
	_, err := b.engine.Find(context.Background(), string(p.id))
	return err == nil
}

// Ten lenders cost the sender one image, and what they share with an image that
// they have costs nothing.
func TestSendToTenCostsOne(t *testing.T) {
	names := []api.PeerID{"source"}
	for i := range 10 {
		names = append(names, api.PeerID(fmt.Sprintf("lender-%d", i)))
	}
	w := newWorld(t, names...)
	src := w.nodes["source"]
	base, more := layer(1, 4<<20), layer(2, 1<<20)
	one, two := newPicture("amd64", base), newPicture("amd64", base, more)
	src.engine.add(one, "tool:1")
	src.engine.add(two, "tool:2")
	for _, c := range []struct {
		tag  string
		pic  picture
		cost int
	}{{"tool:1", one, len(base)}, {"tool:2", two, len(more)}, {"tool:2", two, 0}} {
		before := src.x.SentAll()
		got, err := src.send(c.tag, names[1:]...)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range names[1:] {
			want := api.ImageDone
			if c.cost == 0 {
				want = api.ImageThere
			}
			if p := got[id]; p.State != want || !w.nodes[id].has(c.pic) {
				t.Errorf("%s: %+v, %v", id, p, p.Error)
			}
		}
		sent := src.x.SentAll() - before
		t.Logf("%s to ten: %d bytes sent for %d new ones", c.tag, sent, c.cost)
		if sent < int64(c.cost) || sent > int64(c.cost)*3/2+64<<10 {
			t.Errorf("%s cost %d bytes, want about %d", c.tag, sent, c.cost)
		}
	}
}

// A lender that needs an image takes it from the borrower whose work needs it.
func TestBring(t *testing.T) {
	w := newWorld(t, "borrower", "lender")
	b, l := w.nodes["borrower"], w.nodes["lender"]
	pic := newPicture("amd64", layer(1, 100_000))
	b.engine.add(pic, "tool:1")
	from := api.Caller{Peer: "borrower", Role: api.RoleMember}
	if _, _, err := l.Bring(t.Context(), "", pic.id, from, func(api.ImageProgress) {}); api.KindOf(err) != api.KindNotFound {
		t.Errorf("an image that nothing needs was given: %v", err)
	}
	b.needed[pic.id] = true
	l.engine.add(newPicture("amd64", layer(7, 10)), "tool:1") // the owner's
	for range 2 {
		_, release, err := l.Bring(t.Context(), "", pic.id, from, func(api.ImageProgress) {})
		if err != nil {
			t.Fatal(err)
		}
		defer release()
	}
	if !l.has(pic) || l.engine.loads != 1 {
		t.Errorf("%d loads", l.engine.loads)
	}
	if got := l.engine.names(); !slices.Equal(got, []string{l.tag(pic.id), "tool:1"}) || l.engine.tags["tool:1"] == pic.id {
		t.Errorf("names on the lender's engine: %v", got)
	}
	all, err := l.List(t.Context())
	if err != nil || len(all) != 2 {
		t.Fatal(all, err)
	}
	for _, i := range all {
		if i.ID == pic.id && (i.For != "borrower" || len(i.Tags) != 0) || i.ID != pic.id && i.For != "" {
			t.Errorf("listed as %+v", i)
		}
	}
}

func TestTakeRefuses(t *testing.T) {
	good := newPicture("amd64", layer(1, 100_000))
	for name, c := range map[string]struct {
		pic  picture
		set  func(l *box)
		kind api.Kind
		says string
	}{
		"the policy says no":     {good, func(l *box) { l.denied = api.Errorf(api.KindDenied, "not you") }, api.KindDenied, "not you"},
		"too large":              {good, func(l *box) { l.most = 1000 }, api.KindQuota, "at most 1000"},
		"another architecture":   {newPicture("s390x", layer(1, 100)), func(*box) {}, api.KindUnsupported, "linux/s390x, this machine runs linux/amd64"},
		"the engine refuses":     {good, func(l *box) { l.engine.refuse = api.Errorf(api.KindInternal, "disk full") }, api.KindInternal, "disk full"},
		"the engine is down":     {good, func(l *box) { l.engine.down = api.Errorf(api.KindUnavailable, "no engine") }, api.KindUnavailable, "no engine"},
		"our name is another's":  {good, func(l *box) { l.engine.add(newPicture("amd64", layer(3, 3)), l.tag(good.id)) }, api.KindConflict, "another image"},
		"the sender's bytes rot": {good, func(l *box) { l.w.nodes["source"].rot() }, api.KindCorrupt, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "source", "lender")
			src, l := w.nodes["source"], w.nodes["lender"]
			src.engine.add(c.pic, "tool:1")
			c.set(l)
			before := l.engine.names()
			got, err := src.send("tool:1", "lender")
			if err != nil {
				t.Fatal(err)
			}
			p := got["lender"]
			if p.State != api.ImageFailed || p.Error == nil {
				t.Fatalf("%+v", p)
			}
			if c.kind != api.KindCorrupt {
				isKind(t, p.Error.Err(), c.kind, c.says)
			}
			if after := l.engine.names(); !slices.Equal(before, after) {
				t.Errorf("the engine's names were %v, are %v", before, after)
			}
			for _, rec := range l.store.all {
				if rec.For != "" {
					t.Errorf("remembered as brought: %+v", rec)
				}
			}
		})
	}
}

// rot has the node remember a folder for the image that is another's.
func (b *box) rot() {
	bad := newPicture("amd64", layer(9, 100_000))
	img, err := b.pack(context.Background(), bytes.NewReader(bad.archive()))
	if err != nil {
		b.w.t.Fatal(err)
	}
	img.ID = newPicture("amd64", layer(1, 100_000)).id
	if err := b.keepTree(context.Background(), img); err != nil {
		b.w.t.Fatal(err)
	}
}

// What nobody needs makes room; what is held, or used, or the owner's does not.
func TestRoomForImages(t *testing.T) {
	w := newWorld(t, "source", "lender")
	src, l := w.nodes["source"], w.nodes["lender"]
	var pics []picture
	send := func(n int) error {
		got, err := src.send(fmt.Sprintf("tool:%d", n), "lender")
		if p := got["lender"]; err == nil && p.Error != nil {
			err = p.Error.Err()
		}
		return err
	}
	for n := range 5 {
		pics = append(pics, newPicture("amd64", layer(uint64(n), 100_000)))
		src.engine.add(pics[n], fmt.Sprintf("tool:%d", n))
	}
	l.most = 250_000 // two of them
	l.engine.add(pics[4], "owner/own:1")
	release := l.hold(pics[0].id)
	for n := range 3 {
		if err := send(n); err != nil {
			t.Fatal(err)
		}
	}
	if !l.has(pics[0]) || l.has(pics[1]) || !l.has(pics[2]) {
		t.Error("not the least recently needed one that nobody holds went")
	}
	l.engine.inUse[l.tag(pics[2].id)] = true
	isKind(t, send(3), api.KindQuota, "in use")
	release()
	if err := send(3); err != nil || l.has(pics[0]) || !l.has(pics[2]) || !l.has(pics[3]) {
		t.Errorf("after the release: %v", err)
	}
	if err := send(4); err != nil { // it is the owner's already
		t.Error(err)
	}
	l.most = 1
	l.engine.inUse = map[string]bool{}
	if err := l.makeRoom(t.Context(), 1); err != nil || !slices.Equal(l.engine.names(), []string{"owner/own:1"}) {
		t.Errorf("left on the engine: %v, %v", l.engine.names(), err)
	}
}

// A crash in the middle of a load, before or after the engine had it all, costs
// nothing but the next try.
func TestCrashWhileLoading(t *testing.T) {
	pic := newPicture("amd64", layer(1, 3<<20))
	for name, had := range map[string]bool{"before the engine had it": false, "after": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "source", "lender")
			src, l := w.nodes["source"], w.nodes["lender"]
			src.engine.add(pic, "tool:1")
			var crashed map[api.ImageID]api.KeptImage
			l.engine.loading = func() { // what is on disk now is what the next start finds
				l.store.mu.Lock()
				defer l.store.mu.Unlock()
				crashed = map[api.ImageID]api.KeptImage{pic.id: l.store.all[pic.id]}
			}
			if !had {
				l.engine.refuse = errors.New("killed")
			}
			if _, err := src.send("tool:1", "lender"); err != nil {
				t.Fatal(err)
			}
			if rec := crashed[pic.id]; !rec.Loading || rec.For != "source" {
				t.Fatalf("the record at the crash: %+v", rec)
			}
			l.store.all, l.engine.loading, l.engine.refuse = crashed, nil, nil
			if err := l.blobs.Pin(t.Context(), pin(pic.id), crashed[pic.id].Tree); err != nil {
				t.Fatal(err)
			}
			l.restart()
			if owners, err := l.blobs.Owners(t.Context(), pinPrefix); err != nil || len(owners) > 0 {
				t.Errorf("pins left: %v, %v", owners, err)
			}
			before := src.x.SentAll()
			got, err := src.send("tool:1", "lender")
			if err != nil || got["lender"].Error != nil || (got["lender"].State == api.ImageThere) != had {
				t.Fatalf("%+v, %v", got, err)
			}
			if rec := l.store.all[pic.id]; rec.Loading || rec.For != "source" || !l.has(pic) {
				t.Errorf("remembered as %+v", rec)
			}
			if sent := src.x.SentAll() - before; sent > 0 {
				t.Errorf("%d bytes were sent again", sent)
			}
		})
	}
}

// Members that were named as sources and are gone hold nobody up.
func TestDeadMemberIsNoSource(t *testing.T) {
	w := newWorld(t, "source", "a", "b", "c")
	src := w.nodes["source"]
	pic := newPicture("amd64", layer(1, 4<<20))
	src.engine.add(pic, "tool:1")
	if _, err := src.send("tool:1", "a", "b"); err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	w.dead["a"] = true
	w.mu.Unlock()
	if before := src.rank(pic.id, "c"); !slices.Equal(before, []api.PeerID{"b"}) {
		t.Errorf("c is told to ask %v", before)
	}
	// Told of it all the same, by a source that does not know yet.
	img := src.record(pic.id)
	start := time.Now()
	_, err := w.nodes["c"].take(t.Context(), api.Caller{Peer: "source", Role: api.RoleMember},
		source{Image: pic.id, Tree: img.Tree, Bytes: img.Bytes, Peers: []api.PeerID{"a"}}, func(stateMsg) {})
	if err != nil || !w.nodes["c"].has(pic) || time.Since(start) > 20*time.Second {
		t.Errorf("after %v: %v", time.Since(start), err)
	}
}

func TestImportAndSendByID(t *testing.T) {
	w := newWorld(t, "source", "lender")
	pic := newPicture("amd64", layer(1, 5000))
	img, err := w.nodes["source"].Import(t.Context(), bytes.NewReader(pic.archive()))
	if err != nil || img.ID != pic.id {
		t.Fatal(img, err)
	}
	if got, err := w.nodes["source"].send(string(img.ID), "lender"); err != nil || got["lender"].Error != nil || !w.nodes["lender"].has(pic) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := w.nodes["source"].send("nowhere:1", "lender"); api.KindOf(err) != api.KindNotFound {
		t.Errorf("an image that is nowhere: %v", err)
	}
}

// What a member may send, before and instead of what the protocol says.
func TestServeRefusesNonsense(t *testing.T) {
	w := newWorld(t, "lender", "hostile")
	id := newPicture("amd64", layer(1, 10)).id
	for name, write := range map[string]func(*wire.Writer) error{
		"no id":          func(w *wire.Writer) error { return w.Send(kindWant, source{Image: "sha256:../../x"}) },
		"no tree":        func(w *wire.Writer) error { return w.Send(kindTake, source{Image: id}) },
		"negative bytes": func(w *wire.Writer) error { return w.Send(kindTake, source{Image: id, Tree: api.BlobID{1}, Bytes: -1}) },
		"many peers": func(w *wire.Writer) error {
			return w.Send(kindTake, source{Image: id, Tree: api.BlobID{1}, Peers: make([]api.PeerID, 9)})
		},
		"unknown kind": func(w *wire.Writer) error { return w.Send(99, source{Image: id}) },
		"no JSON":      func(w *wire.Writer) error { return w.Write(kindWant, []byte("{")) },
	} {
		st, err := w.nodes["hostile"].OpenStream(t.Context(), "lender", Protocol)
		if err != nil {
			t.Fatal(err)
		}
		if err := write(wire.NewWriter(st, maxFrame)); err != nil {
			t.Fatal(err)
		}
		if kind, _, err := wire.NewReader(st, maxFrame).Next(); err == nil && kind != kindFail {
			t.Errorf("%s: answered with %d", name, kind)
		}
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	}
}

package blob

import (
	"bytes"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

func anyTree(api.Tree) error { return nil }

func uncounted(int64) {}

// putFolder stores a folder of files of these contents.
func putFolder(t testing.TB, s *Store, files ...[]byte) api.TreeInfo {
	t.Helper()
	w := s.NewTree()
	var tree api.Tree
	for i, b := range files {
		id, err := w.Add(ctx, bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		tree.Files = append(tree.Files, api.TreeFile{Path: string(rune('a' + i)), Blob: id, Size: int64(len(b)), Mode: 0o644})
	}
	info, err := w.Finish(ctx, tree)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// Members that fetch a folder at the same time, each from those before it, take
// each file from the source once.
func TestConvoyPassesOn(t *testing.T) {
	p := newPool(t)
	p.tcp = true
	src := memStore(t, 0)
	x := exchange(t, src, p)
	p.serve("source", x)
	var files [][]byte
	for i := range 20 {
		files = append(files, random(uint64(i), 200_000))
	}
	info := putFolder(t, src, files...)
	errs := make(chan error, 3)
	var before []api.PeerID
	for _, name := range []api.PeerID{"a", "b", "c"} {
		member := exchange(t, memStore(t, 0), p)
		p.serve(name, member)
		sources := append(before, "source")
		expects := make(chan struct{})
		begun := sync.OnceFunc(func() { close(expects) })
		go func() {
			defer begun()
			_, err := member.FetchConvoy(deadline(t), info.ID, anyTree, func(int64) { begun() }, sources...)
			errs <- err
		}()
		<-expects
		before = append([]api.PeerID{name}, before...)
	}
	for range 3 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if sent := x.SentAll(); sent < info.Bytes || sent > info.Bytes*5/4 || x.Sent("asker") != sent {
		t.Errorf("the source gave %d bytes of a folder of %d, to its asker %d", sent, info.Bytes, x.Sent("asker"))
	}
}

// A member that begins later than the one that asks it, but before it wants its
// files, is waited for until it knows which will come.
func TestConvoyWaitsForTheOneBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t)
		src := memStore(t, 0)
		source, slow, quick := NewExchange(src, p, quiet), NewExchange(memStore(t, 0), p, quiet), NewExchange(memStore(t, 0), p, quiet)
		p.serve("source", source)
		p.serve("slow", slow)
		info := putFolder(t, src, random(1, 60_000))
		checks, checked := make(chan struct{}), make(chan struct{})
		errs := make(chan error, 2)
		go func() {
			_, err := slow.FetchConvoy(ctx, info.ID, func(api.Tree) error { close(checks); <-checked; return nil }, uncounted, "source")
			errs <- err
		}()
		<-checks
		if err := quick.Fetch(ctx, info.ID, "source"); err != nil { // it was here before the other began
			t.Fatal(err)
		}
		go func() {
			_, err := quick.FetchConvoy(ctx, info.ID, anyTree, uncounted, "slow", "source")
			errs <- err
		}()
		synctest.Wait() // the quick one can do no more by itself
		close(checked)
		for range 2 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		if sent := source.SentAll(); sent < info.Bytes || sent > info.Bytes*5/4 {
			t.Errorf("the source gave %d bytes of a folder of %d", sent, info.Bytes)
		}
		for _, x := range []*Exchange{quick, slow, source} {
			if err := x.close(); err != nil {
				t.Error(err)
			}
		}
		p.end()
	})
}

// A member whose convoy stands still is asked last from then on: it costs one
// wait, not one for each file.
func TestConvoyLeavesWhoStandsStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t)
		src, here := memStore(t, 0), memStore(t, 0)
		good, stuck, x := NewExchange(src, p, quiet), NewExchange(memStore(t, 0), p, quiet), NewExchange(here, p, quiet)
		p.serve("good", good)
		p.serve("stuck", stuck)
		files := [][]byte{random(1, 100_000), random(2, 100_000), random(3, 100_000), random(4, 100), random(5, 100), random(6, 100)}
		info := putFolder(t, src, files...)
		tree, err := src.Tree(ctx, info.ID)
		if err != nil {
			t.Fatal(err)
		}
		stuck.expect(&convoy{beat: make(chan struct{})}, append(treeBlobs(tree), info.ID)...)
		start := time.Now()
		if _, err := x.FetchConvoy(ctx, info.ID, anyTree, uncounted, "stuck", "good"); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took < convoyStall || took > convoyStall+waitEvery {
			t.Errorf("it took %v, want one stall of %v", took, convoyStall)
		}
		for _, b := range files {
			holds(t, here, b)
		}
		for _, x := range []*Exchange{x, stuck, good} {
			if err := x.close(); err != nil {
				t.Error(err)
			}
		}
		p.end()
	})
}

// What a manifest says of its files is held against it, and who may refuse a
// folder sees it before any file is fetched.
func TestConvoyChecks(t *testing.T) {
	p := newPool(t)
	src := memStore(t, 0)
	p.serve("source", exchange(t, src, p))
	info := putFolder(t, src, random(1, 100))
	tree, err := src.Tree(ctx, info.ID)
	if err != nil {
		t.Fatal(err)
	}
	tree.Files[0].Size = 99
	lie, err := src.NewTree().Finish(ctx, tree)
	if err != nil {
		t.Fatal(err)
	}
	s := memStore(t, 0)
	x := exchange(t, s, p)
	refuse := func(api.Tree) error { return api.Errorf(api.KindQuota, "too large") }
	_, err = x.FetchConvoy(deadline(t), info.ID, refuse, uncounted, "source")
	isKind(t, err, api.KindQuota)
	if s.Has(tree.Files[0].Blob) {
		t.Error("a file of a refused folder was fetched")
	}
	_, err = x.FetchConvoy(deadline(t), lie.ID, anyTree, uncounted, "source")
	isKind(t, err, api.KindCorrupt)
	_, err = x.FetchConvoy(deadline(t), tree.Files[0].Blob, anyTree, uncounted, "source")
	isKind(t, err, api.KindInvalid)
	_, err = x.FetchConvoy(deadline(t), api.BlobID{1}, anyTree, uncounted, "source")
	isKind(t, err, api.KindNotFound)
	if len(x.coming) > 0 {
		t.Errorf("%d files are still expected", len(x.coming))
	}
}

// Package blobtest is the conformance suite of blob.Index.
package blobtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"lukechampine.com/blake3"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/blob"
)

var (
	start = time.UnixMilli(1_700_000_000_000)
	ctx   = context.Background()
)

// file is the n-th blob, used n seconds after start, evictable at once.
func file(n int, size int64) api.BlobEntry {
	return api.BlobEntry{ID: blake3.Sum256(fmt.Append(nil, n)), Size: size, Used: start.Add(time.Duration(n) * time.Second), Keep: start}
}

func inline(n int, data string) api.BlobEntry {
	e := file(n, int64(len(data)))
	e.Inline, e.Data = true, []byte(data)
	return e
}

func ids(entries ...api.BlobEntry) (out []api.BlobID) {
	for _, e := range entries {
		out = append(out, e.ID)
	}
	return out
}

func add(t *testing.T, idx blob.Index, entries ...api.BlobEntry) {
	t.Helper()
	if _, _, err := idx.Add(ctx, entries); err != nil {
		t.Fatal(err)
	}
}

// want compares what is in the index with what should be.
func want(t *testing.T, idx blob.Index, entries ...api.BlobEntry) {
	t.Helper()
	var bytes int64
	for _, e := range entries {
		bytes += e.Size
		if _, known, err := idx.Get(ctx, e.ID); err != nil || !known {
			t.Errorf("blob of %d bytes is missing: %v", e.Size, err)
		}
	}
	n, sum, _, err := idx.Totals(ctx)
	if err != nil || n != int64(len(entries)) || sum != bytes {
		t.Errorf("%d blobs of %d bytes, %v; want %d of %d", n, sum, err, len(entries), bytes)
	}
}

func evict(t *testing.T, idx blob.Index, need int64, partial bool, wants ...api.BlobEntry) {
	t.Helper()
	gone, err := idx.Evict(ctx, need, start.Add(time.Hour), partial)
	if err != nil || !slices.Equal(ids(gone...), ids(wants...)) {
		t.Errorf("evict %d: %d gone, %v; want %d in the order of use", need, len(gone), err, len(wants))
	}
}

// RunIndex runs the suite; open makes an empty index for each test.
func RunIndex(t *testing.T, open func(t *testing.T) blob.Index) {
	tests := map[string]func(*testing.T, blob.Index){
		"add and get": addAndGet, "add again": addAgain, "eviction order": evictionOrder, "eviction spares": evictionSpares,
		"partial eviction is bounded": evictionBound, "pins": pins, "owners": owners, "pin like": pinLike, "remove": remove, "each": each,
		"concurrent": concurrent, "canceled": canceled,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func addAndGet(t *testing.T, idx blob.Index) {
	a, b, empty := file(1, 5<<40), inline(2, "small\x00\xff"), inline(3, "")
	n, bytes, err := idx.Add(ctx, []api.BlobEntry{a, b, empty, b})
	if err != nil || n != 3 || bytes != a.Size+b.Size {
		t.Errorf("added %d of %d bytes, %v", n, bytes, err)
	}
	for _, e := range []api.BlobEntry{a, b, empty} {
		got, known, err := idx.Get(ctx, e.ID)
		if err != nil || !known || got.Size != e.Size || got.Inline != e.Inline || got.Tree || string(got.Data) != string(e.Data) ||
			!got.Used.Equal(e.Used) || !got.Keep.Equal(e.Keep) {
			t.Errorf("got %+v, %v, %v; want %+v", got, known, err, e)
		}
	}
	if _, known, err := idx.Get(ctx, api.BlobID{1}); known || err != nil {
		t.Errorf("an unknown id: %v, %v", known, err)
	}
	want(t, idx, a, b, empty)
}

func addAgain(t *testing.T, idx blob.Index) {
	e := inline(1, "data")
	add(t, idx, e)
	more := e
	more.Used, more.Keep, more.Tree = e.Used.Add(time.Hour), e.Keep.Add(time.Hour), true
	for range 2 { // the second time with the older values, which change nothing
		if n, bytes, err := idx.Add(ctx, []api.BlobEntry{more}); n != 0 || bytes != 0 || err != nil {
			t.Errorf("again: %d new of %d bytes, %v", n, bytes, err)
		}
		got, _, err := idx.Get(ctx, e.ID)
		if err != nil || !got.Tree || !got.Used.Equal(e.Used.Add(time.Hour)) || !got.Keep.Equal(e.Keep.Add(time.Hour)) || !bytes.Equal(got.Data, e.Data) {
			t.Errorf("got %+v, %v", got, err)
		}
		more = e
	}
}

func evictionOrder(t *testing.T, idx blob.Index) {
	a, b, c, d := file(1, 10), inline(2, "0123456789"), file(3, 10), file(4, 10)
	add(t, idx, c, a, d, b)
	evict(t, idx, 41, false) // not to be had: nothing goes
	want(t, idx, a, b, c, d)
	if err := idx.Touch(ctx, map[api.BlobID]time.Time{a.ID: start.Add(time.Minute), {9}: start, d.ID: start}); err != nil {
		t.Fatal(err)
	}
	evict(t, idx, 11, false, b, c)
	want(t, idx, a, d)
	evict(t, idx, 1000, true, d, a)
	want(t, idx)
	evict(t, idx, 1, true)
}

func evictionSpares(t *testing.T, idx blob.Index) {
	pinned, fresh, loose := file(1, 10), file(2, 10), file(3, 10)
	fresh.Keep = start.Add(2 * time.Hour)
	add(t, idx, pinned, fresh, loose)
	if err := idx.Pin(ctx, "job/1", ids(pinned)); err != nil {
		t.Fatal(err)
	}
	evict(t, idx, 11, false)
	evict(t, idx, 1000, true, loose)
	want(t, idx, pinned, fresh)
}

func evictionBound(t *testing.T, idx blob.Index) {
	var all []api.BlobEntry
	for n := range blob.EvictBatch + 5 {
		all = append(all, file(n, 1))
	}
	add(t, idx, all...)
	for _, n := range []int{blob.EvictBatch, 5, 0} {
		if gone, err := idx.Evict(ctx, math.MaxInt64, start.Add(time.Hour), true); err != nil || len(gone) != n {
			t.Errorf("%d gone, %v; want %d", len(gone), err, n)
		}
	}
}

func pins(t *testing.T, idx blob.Index) {
	a, b := file(1, 10), file(2, 20)
	for _, owner := range []string{"job/1", "job/2"} { // before the bytes are here
		if err := idx.Pin(ctx, owner, ids(a, a)); err != nil {
			t.Fatal(err)
		}
	}
	add(t, idx, a, b)
	check := func(wantPinned int64, evictable ...api.BlobEntry) {
		t.Helper()
		if _, _, pinned, err := idx.Totals(ctx); err != nil || pinned != wantPinned {
			t.Errorf("%d bytes pinned, %v; want %d", pinned, err, wantPinned)
		}
		evict(t, idx, math.MaxInt64, true, evictable...)
	}
	check(10, b)
	for i, owner := range []string{"job/1", "job/1", "nobody"} {
		if err := idx.Unpin(ctx, owner); err != nil {
			t.Fatal(i, err)
		}
		check(10)
	}
	if err := idx.Unpin(ctx, "job/2"); err != nil {
		t.Fatal(err)
	}
	check(0, a)
}

func owners(t *testing.T, idx blob.Index) {
	a, b := file(1, 1), file(2, 2)
	for _, owner := range []string{"lease/B/1", "job/1", "lease/A/in", "leasehold"} {
		if err := idx.Pin(ctx, owner, ids(a, b)); err != nil {
			t.Fatal(err)
		}
	}
	if err := idx.Unpin(ctx, "lease/B/1"); err != nil {
		t.Fatal(err)
	}
	if err := idx.Pin(ctx, "lease/C/2", ids(a)); err != nil {
		t.Fatal(err)
	}
	for prefix, want := range map[string][]string{
		"lease/": {"lease/A/in", "lease/C/2"}, "": {"job/1", "lease/A/in", "lease/C/2", "leasehold"}, "lease/%": nil, "x": nil,
	} {
		if got, err := idx.Owners(ctx, prefix); err != nil || !slices.Equal(got, want) {
			t.Errorf("owners %q: %v, %v; want %v", prefix, got, err, want)
		}
	}
}

func pinLike(t *testing.T, idx blob.Index) {
	tree, a, b := file(1, 1), file(2, 2), file(3, 4)
	add(t, idx, tree, a, b)
	for _, owner := range []string{"job/1", "lease/2"} {
		if err := idx.Pin(ctx, owner, ids(tree)); err != nil {
			t.Fatal(err)
		}
	}
	if err := idx.PinLike(ctx, tree.ID, ids(a, b)); err != nil {
		t.Fatal(err)
	}
	if err := idx.Unpin(ctx, "job/1"); err != nil {
		t.Fatal(err)
	}
	evict(t, idx, math.MaxInt64, true)
	if err := idx.Unpin(ctx, "lease/2"); err != nil {
		t.Fatal(err)
	}
	evict(t, idx, math.MaxInt64, true, tree, a, b)
}

func remove(t *testing.T, idx blob.Index) {
	a, b, c := file(1, 10), inline(2, "data"), file(3, 10)
	add(t, idx, a, b, c)
	if err := idx.Pin(ctx, "job/1", ids(a)); err != nil {
		t.Fatal(err)
	}
	gone, err := idx.Remove(ctx, []api.BlobID{a.ID, b.ID, {7}}, false)
	if err != nil || !slices.Equal(ids(gone...), ids(b)) {
		t.Errorf("removed %d, %v; want the one that is not pinned", len(gone), err)
	}
	gone, err = idx.Remove(ctx, ids(a), true)
	if err != nil || len(gone) != 1 || gone[0].Size != 10 {
		t.Errorf("by force: %+v, %v", gone, err)
	}
	want(t, idx, c)
}

func each(t *testing.T, idx blob.Index) {
	a, b := file(1, 10), inline(2, "data")
	add(t, idx, a, b)
	seen := map[api.BlobID]api.BlobEntry{}
	if err := idx.Each(ctx, func(e api.BlobEntry) error { seen[e.ID] = e; return nil }); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 2 || seen[a.ID].Inline || !seen[b.ID].Inline || seen[b.ID].Data != nil || seen[b.ID].Size != 4 {
		t.Errorf("listed %+v", seen)
	}
	stop := errors.New("stop")
	if err := idx.Each(ctx, func(api.BlobEntry) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("fn's error came back as %v", err)
	}
}

// concurrent adds overlapping sets; every blob must be counted as new exactly once.
func concurrent(t *testing.T, idx blob.Index) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var total int64
	for g := range 16 {
		wg.Go(func() {
			for n := range 40 {
				added, _, err := idx.Add(ctx, []api.BlobEntry{inline(n+g, "x"), file(100+n, 3)})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				total += added
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	n, _, _, err := idx.Totals(ctx)
	if err != nil || n != 55+40 || total != n {
		t.Errorf("%d blobs, %d were said to be new, %v; want 95", n, total, err)
	}
}

func canceled(t *testing.T, idx blob.Index) {
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, _, err := idx.Add(gone, []api.BlobEntry{file(1, 1)}); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("add: %v", err)
	}
	if n, _, _, err := idx.Totals(ctx); err != nil || n > 1 {
		t.Errorf("%d, %v", n, err)
	}
}

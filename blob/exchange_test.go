package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

// pair is a holder named "h" and an asker.
func pair(t testing.TB, tcp bool, from, to *Store) (holder, asker *Exchange, p *pool) {
	p = newPool(t)
	p.tcp = tcp
	holder, asker = exchange(t, from, p), exchange(t, to, p)
	p.serve("h", holder)
	return holder, asker, p
}

func TestFetchSizes(t *testing.T) {
	for _, size := range []int{0, 1, 1000, InlineMax, InlineMax + 1, groupSize - 1, groupSize, groupSize + 1, 2 * groupSize, 3*groupSize + 7,
		maxRange, maxRange + 1, maxRange + groupSize, 5*maxRange + 3*groupSize + 1} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			from, to := memStore(t, 0), memStore(t, 0)
			data := random(uint64(size), size)
			id := put(t, from, data)
			_, asker, _ := pair(t, size%2 == 0, from, to)
			if err := asker.Fetch(deadline(t), id, "h"); err != nil {
				t.Fatal(err)
			}
			holds(t, to, data)
			settled(t, to)
			settled(t, from)
		})
	}
}

// Thousands of small blobs take one stream, and share the index's commits.
func TestManySmallBlobs(t *testing.T) {
	n := ring.Size(500, 2000)
	from, to := memStore(t, 0), openStore(t, t.TempDir(), 0, sqliteIndex(t))
	ids := make([]api.BlobID, n)
	for i := range n {
		ids[i] = put(t, from, random(uint64(i), 1024))
	}
	_, asker, p := pair(t, true, from, to)
	start := time.Now()
	var wg sync.WaitGroup
	for _, id := range ids {
		wg.Go(func() {
			if err := asker.Fetch(deadline(t), id, "h"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	t.Logf("fetched %d at the same time in %v", n, time.Since(start))
	if p.dials["h"] != 1 {
		t.Errorf("%d streams, want one", p.dials["h"])
	}
	for i := range n {
		if r, err := to.Reader(ids[i]); err != nil {
			t.Error(err)
		} else {
			same(t, r, random(uint64(i), 1024))
		}
	}
	settled(t, to)
}

func TestFetchTree(t *testing.T) {
	from, to := memStore(t, 0), memStore(t, 0)
	big, small := random(1, 200_000), random(2, 50)
	entries := []entry{reg("big", big), reg("small", small)}
	for i := range 500 {
		entries = append(entries, reg(fmt.Sprint("many/", i), random(uint64(i), 300)))
	}
	info, err := from.PutTree(ctx, bytes.NewReader(tarOf(t, entries...)))
	if err != nil {
		t.Fatal(err)
	}
	if err := to.Pin(ctx, "job/1", info.ID); err != nil {
		t.Fatal(err)
	}
	_, asker, p := pair(t, true, from, to)
	tree, err := asker.FetchTree(deadline(t), info.ID, "h")
	if err != nil || len(tree.Files) != len(entries) {
		t.Fatal(len(tree.Files), err)
	}
	for _, e := range entries {
		holds(t, to, e.data)
	}
	stats, err := to.Stats(ctx)
	if err != nil || stats.Pinned != stats.Bytes {
		t.Errorf("%+v, %v: want all of the folder pinned", stats, err)
	}
	if p.dials["h"] != 1 {
		t.Errorf("%d streams", p.dials["h"])
	}
	settled(t, to)
	// What is missing of a folder is fetched again.
	gone := tree.Files[3].Blob
	if err := to.remove(ctx, []api.BlobID{gone}, true); err != nil {
		t.Fatal(err)
	}
	if _, err := asker.FetchTree(deadline(t), info.ID, "h"); err != nil || !to.Has(gone) {
		t.Error(err)
	}
	_, err = asker.FetchTree(deadline(t), tree.Files[0].Blob, "h")
	isKind(t, err, api.KindInvalid)
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	if err := asker.FetchAll(canceled, []api.BlobID{gone}, "h"); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

// Several askers fetch from each other and from several holders at once.
func TestPoolOfExchanges(t *testing.T) {
	const nodes, blobs = 4, 30
	p := newPool(t)
	p.tcp = true
	var all []*Exchange
	var names []api.PeerID
	for i := range nodes {
		x := exchange(t, memStore(t, 0), p)
		name := api.PeerID(fmt.Sprint("node", i))
		p.serve(name, x)
		all, names = append(all, x), append(names, name)
	}
	var ids []api.BlobID
	for i := range blobs {
		ids = append(ids, put(t, all[i%nodes].store, random(uint64(i), 100+i*i*100)))
	}
	var wg sync.WaitGroup
	for i, x := range all {
		others := slices.Delete(slices.Clone(names), i, i+1)
		for range 2 {
			wg.Go(func() {
				if err := x.FetchAll(deadline(t), ids, others...); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	for _, x := range all {
		for i := range blobs {
			holds(t, x.store, random(uint64(i), 100+i*i*100))
		}
		settled(t, x.store)
	}
}

// A flight that has found nothing is over: who comes with another source is not
// given its failure.
func TestLateSource(t *testing.T) {
	x := exchange(t, memStore(t, 0), newPool(t))
	f := &flight{id: api.BlobID{1}}
	x.flights[f.id] = f
	if _, ok := x.next(f); ok || x.flights[f.id] != nil {
		t.Error("a flight without sources can still be boarded")
	}
}

// Run drops what broken fetches left once it is old, and ends with its context.
func TestExchangeRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		data := random(1, 4*maxRange)
		p := newPool(t)
		p.add("h", liar(func(n int, m askMsg, _ wire.Stream, w *wire.Writer) bool {
			return n < 3 && m.Off < 2*maxRange && w.Write(kindData, answer(data, m)) == nil
		}))
		s := memStore(t, 0)
		x := NewExchange(s, p, quiet)
		running, stop := context.WithCancel(ctx)
		done := make(chan error, 1)
		go func() { done <- x.Run(running) }()
		isKind(t, x.Fetch(ctx, mustID(t, data), "h"), api.KindUnavailable)
		if n := len(leftovers(t, s)); n != 1 {
			t.Errorf("%d beginnings kept", n)
		}
		time.Sleep(partialTime + 2*time.Minute) // in the bubble's time
		synctest.Wait()
		settled(t, s)
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		p.end()
	})
}

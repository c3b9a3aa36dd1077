package blob

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
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

func TestSmallBlobsAreCheap(t *testing.T) {
	const n = 2000
	from, to := openStore(t, t.TempDir(), 0, sqliteIndex(t)), openStore(t, t.TempDir(), 0, sqliteIndex(t))
	ids := make([]api.BlobID, n)
	start := time.Now()
	for i := range n {
		ids[i] = put(t, from, random(uint64(i), 1024))
	}
	t.Logf("put %d one after another: %v", n, time.Since(start))
	_, asker, p := pair(t, true, from, to)
	start = time.Now()
	var wg sync.WaitGroup
	for _, id := range ids {
		wg.Go(func() {
			if err := asker.Fetch(deadline(t), id, "h"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	t.Logf("fetched %d at the same time: %v", n, time.Since(start))
	if p.dials["h"] != 1 {
		t.Errorf("%d streams, want one", p.dials["h"])
	}
	holds(t, to, random(1234, 1024))
	to2 := openStore(t, t.TempDir(), 0, sqliteIndex(t))
	_, asker, _ = pair(t, true, from, to2)
	start = time.Now()
	for _, id := range ids {
		if err := asker.Fetch(deadline(t), id, "h"); err != nil {
			t.Error(err)
		}
	}
	t.Logf("fetched %d one after another: %v", n, time.Since(start))
	settled(t, to2)
}

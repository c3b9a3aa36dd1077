package blob

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// BenchmarkPut stores blobs that differ, of one size, from some goroutines.
func BenchmarkPut(b *testing.B) {
	for _, size := range []int{1 << 10, 64 << 10, 16 << 20} {
		for _, writers := range []int{1, 16} {
			b.Run(fmt.Sprintf("size=%d/writers=%d", size, writers), func(b *testing.B) {
				s := openStore(b, b.TempDir(), 0, sqliteIndex(b))
				b.SetBytes(int64(size))
				b.ResetTimer()
				var next atomic.Int64
				var wg sync.WaitGroup
				for range writers {
					wg.Go(func() {
						data := random(1, size)
						for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
							copy(data, fmt.Sprintf("%020d", n))
							if _, err := s.Put(ctx, bytes.NewReader(data)); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				wg.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "blobs/s")
			})
		}
	}
}

// BenchmarkPutTree uploads a folder of 50,000 files.
func BenchmarkPutTree(b *testing.B) {
	const files = 50_000
	for _, size := range []int{1 << 10, 20 << 10} {
		b.Run(fmt.Sprintf("size=%d", size), func(b *testing.B) {
			for i := range b.N {
				s := openStore(b, b.TempDir(), 0, sqliteIndex(b))
				r, w := io.Pipe()
				go func() {
					tw := tar.NewWriter(w)
					data := random(1, size)
					for n := range files {
						copy(data, fmt.Sprintf("%d %020d", i, n))
						h := &tar.Header{Name: fmt.Sprintf("d%d/f%d", n%100, n), Mode: 0o644, Size: int64(size), Typeflag: tar.TypeReg}
						if err := tw.WriteHeader(h); err != nil {
							w.CloseWithError(err)
							return
						}
						if _, err := tw.Write(data); err != nil {
							w.CloseWithError(err)
							return
						}
					}
					w.CloseWithError(tw.Close())
				}()
				if info, err := s.PutTree(ctx, r); err != nil || info.Files != files {
					b.Fatal(info, err)
				}
			}
		})
	}
}

// BenchmarkFetch fetches over a loopback TCP stream: one large blob, and
// thousands of small ones at a time.
func BenchmarkFetch(b *testing.B) {
	b.Run("large", func(b *testing.B) {
		const size = 64 << 20
		from := memStore(b, 0)
		id := put(b, from, random(1, size))
		b.SetBytes(size)
		for b.Loop() {
			_, asker, _ := pair(b, true, from, memStore(b, 0))
			if err := asker.Fetch(ctx, id, "h"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("small", func(b *testing.B) {
		const n = 2000
		from := memStore(b, 0)
		ids := make([]api.BlobID, n)
		for i := range n {
			ids[i] = put(b, from, random(uint64(i), 1024))
		}
		for b.Loop() {
			to := openStore(b, b.TempDir(), 0, sqliteIndex(b))
			_, asker, _ := pair(b, true, from, to)
			if err := asker.FetchAll(ctx, ids, "h"); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds(), "blobs/s")
	})
}

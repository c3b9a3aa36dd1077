package blob

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"lukechampine.com/blake3"
	"lukechampine.com/blake3/bao"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

func overwrite(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Our extraction, which skips what the range does not need, makes the same
// slices as the library's, which reads everything.
func TestExtractSlice(t *testing.T) {
	for _, size := range []int{1, 1000, groupSize, groupSize + 1, 3 * groupSize, 7*groupSize + 123, 16 * groupSize, 21*groupSize + 1} {
		data := random(uint64(size), size)
		tree, root := bao.EncodeBuf(data, groupLog, true)
		if root != blake3.Sum256(data) {
			t.Fatal("the tree's root is not the hash")
		}
		for off := 0; off < size; off += groupSize {
			for _, n := range []int{1, groupSize, 5 * groupSize, size} {
				n := min(n, size-off)
				got, err := extractSlice(nil, bytes.NewReader(data), bytes.NewReader(tree), int64(size), int64(off), int64(n))
				if err != nil {
					t.Fatal(err)
				}
				out, ok := bao.VerifySlice(got, groupLog, uint64(off), uint64(n), root)
				if !ok || !bytes.Equal(out, data[off:off+n]) {
					t.Fatalf("size %d, [%d, +%d): does not verify", size, off, n)
				}
				if !bytes.Equal(got, answer(data, askMsg{Off: int64(off), Len: int64(n)})) {
					t.Fatalf("size %d, [%d, +%d): not the library's slice", size, off, n)
				}
				if len(got) > maxFrame && n <= maxRange {
					t.Errorf("a slice of %d bytes does not fit a frame", len(got))
				}
			}
		}
	}
}

func TestExtractSliceOfShortData(t *testing.T) {
	data := random(1, 5*groupSize)
	tree, _ := bao.EncodeBuf(data, groupLog, true)
	if _, err := extractSlice(nil, bytes.NewReader(data[:groupSize]), bytes.NewReader(tree), 5*groupSize, groupSize, groupSize); err == nil {
		t.Error("short data was served")
	}
	if _, err := extractSlice(nil, bytes.NewReader(data), bytes.NewReader(tree[:40]), 5*groupSize, 0, groupSize); err == nil {
		t.Error("a short tree was served")
	}
}

// A tree is made once, cached, and goes with its blob.
func TestOutboardIsCached(t *testing.T) {
	from := memStore(t, 0)
	data := random(1, 3*groupSize)
	id := put(t, from, data)
	for i := range 2 {
		_, asker, _ := pair(t, false, from, memStore(t, 0))
		if err := asker.Fetch(deadline(t), id, "h"); err != nil {
			t.Fatal(err)
		}
		fi, err := os.Stat(from.outboard(id))
		if err != nil || fi.Size() != int64(bao.EncodedSize(len(data), groupLog, true)) {
			t.Fatalf("fetch %d: %v, %v", i, fi, err)
		}
	}
	from = openStore(t, from.dir, 0, from.idx)
	if _, err := os.Stat(from.outboard(id)); err != nil {
		t.Error("the tree did not outlive its store:", err)
	}
	if err := from.Delete(ctx, id); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(from.outboard(id)); err == nil {
		t.Error("the tree outlived its blob")
	}
}

// FuzzSlice feeds the asker's verification: nothing passes but the true bytes.
func FuzzSlice(f *testing.F) {
	blobs := [][]byte{random(1, 100), random(2, groupSize+10), random(3, 3*groupSize), {}}
	for i, data := range blobs {
		f.Add(byte(i), true, answer(data, askMsg{Tail: true}))
		if len(data) > groupSize {
			f.Add(byte(i), false, answer(data, askMsg{Len: groupSize}))
		}
	}
	file, err := os.Create(f.TempDir() + "/part")
	if err != nil {
		f.Fatal(err)
	}
	defer file.Close()
	f.Fuzz(func(t *testing.T, which byte, tail bool, slice []byte) {
		data := blobs[int(which)%len(blobs)]
		id := api.BlobID(blake3.Sum256(data))
		if tail {
			size, got, err := verifyTail(slice, id)
			if err == nil && (size != int64(len(data)) || !bytes.HasSuffix(data, got)) {
				t.Errorf("took %d bytes of %d", len(got), size)
			}
			return
		}
		p := &partial{file: file, size: int64(len(data))}
		if p.size <= groupSize {
			return
		}
		if err := p.write(slice, id, groupSize); err == nil {
			got := make([]byte, groupSize)
			if _, err := file.ReadAt(got, 0); err != nil || !bytes.Equal(got, data[:groupSize]) {
				t.Errorf("wrote other bytes, %v", err)
			}
		}
	})
}

// FuzzServe feeds a holder a stream of anything.
func FuzzServe(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x02\x01{"))
	f.Add(fmt.Appendf(nil, "\x00\x00\x00\x5b\x01{\"id\":%q,\"tail\":true}", api.BlobID{1}))
	s := memStore(f, 0)
	f.Fuzz(func(t *testing.T, data []byte) {
		x := NewExchange(s, newPool(t), quiet)
		st := &memStream{in: bytes.NewReader(data)}
		x.Serve(ctx, api.Caller{Peer: "p"}, st)
		if err := x.close(); err != nil {
			t.Error(err)
		}
		if !st.ended {
			t.Error("the stream was left open")
		}
	})
}

package blob

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/bits"
	"os"

	"lukechampine.com/blake3/bao"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

const (
	// groupLog makes chunk groups of 1 KiB << 6: a range costs little proof, and
	// the hash tree of 10 GiB is 10 MiB.
	groupLog       = 6
	groupSize      = 1 << (10 + groupLog)
	outboardSuffix = ".bao"
)

// outboard is the file that caches a blob's hash tree.
func (s *Store) outboard(id api.BlobID) string { return s.file(id) + outboardSuffix }

// tailRange is the last chunk group of a blob of that size.
func tailRange(size int64) (off, n int64) {
	if size == 0 {
		return 0, 0
	}
	off = (size - 1) / groupSize * groupSize
	return off, size - off
}

// extractSlice appends the slice of data[off:off+n] to dst. tree is the
// outboard encoding in pre-order, which it reads only where the range needs it;
// it may be nil for data of one group.
func extractSlice(dst []byte, data, tree io.ReaderAt, size, off, n int64) ([]byte, error) {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(size))
	var walk func(pos, length, node int64) error
	walk = func(pos, length, node int64) error {
		if pos >= off+n || off >= pos+length {
			return nil
		}
		at, from, want := data, pos, length
		if length > groupSize {
			at, from, want = tree, node, 64
		}
		end := len(dst)
		dst = append(dst, make([]byte, want)...)
		if m, err := at.ReadAt(dst[end:], from); m < int(want) {
			return errors.Join(io.ErrUnexpectedEOF, err)
		}
		if length <= groupSize {
			return nil
		}
		mid := int64(1) << (bits.Len64(uint64(length-1)) - 1)
		if err := walk(pos, mid, node+64); err != nil {
			return err
		}
		// A subtree of g groups has g-1 nodes; the left one is a power of two of groups.
		return walk(pos+mid, length-mid, node+64+64*(mid/groupSize-1))
	}
	return dst, walk(0, size, 8)
}

// sliceSize is the blob size that a slice claims, -1 when it is no slice.
func sliceSize(slice []byte) int64 {
	if len(slice) < 8 {
		return -1
	}
	size := binary.LittleEndian.Uint64(slice)
	if size > 1<<56 {
		return -1
	}
	return int64(size)
}

// buildOutboard computes a blob's hash tree into the cache. A blob whose bytes
// are no longer what its name says is removed: KindCorrupt.
func (s *Store) buildOutboard(ctx context.Context, id api.BlobID, data *os.File, size int64) (err error) {
	f, err := s.temp()
	if err != nil {
		return err
	}
	defer func() {
		if f != nil {
			err = errors.Join(err, f.Close(), os.Remove(f.Name()))
		}
	}()
	if err := f.Truncate(int64(bao.EncodedSize(int(size), groupLog, true))); err != nil {
		return diskError("write a hash tree", err)
	}
	root, err := bao.Encode(f, readerUntil{ctx, io.NewSectionReader(data, 0, size)}, size, groupLog, true)
	if err != nil {
		return diskError("write a hash tree", err)
	}
	if root != id {
		s.log.Error("a blob's bytes have changed on the disk", "blob", id)
		return errors.Join(api.Errorf(api.KindCorrupt, "blob %s was damaged on the disk and is dropped", id), s.remove(ctx, []api.BlobID{id}, true))
	}
	s.gate.RLock()
	defer s.gate.RUnlock()
	if _, known, err := s.idx.Get(ctx, id); err != nil || !known {
		return errors.Join(err, notFound(id))
	}
	// It is a cache: a half written one after a power cut would only make us look
	// like a liar, so it is flushed before it gets its name.
	if err := f.Sync(); err != nil {
		return diskError("write a hash tree", err)
	}
	name := f.Name()
	err = f.Close()
	f = nil
	if err == nil {
		err = os.Rename(name, s.outboard(id))
	}
	if err != nil {
		return errors.Join(diskError("write a hash tree", err), os.Remove(name))
	}
	return nil
}

// readerUntil reads until ctx ends.
type readerUntil struct {
	ctx context.Context
	r   io.Reader
}

func (r readerUntil) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

package blob

import (
	"bytes"
	"context"
	"errors"
	"os"
	"time"

	"lukechampine.com/blake3/bao"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// partial is the verified beginning of a large blob: its first have bytes and
// its tail are in the file.
type partial struct {
	file  *os.File
	size  int64
	have  int64
	room  *reservation
	since time.Time // when its fetch ended
}

func (p *partial) discard() error {
	p.room.release()
	if p.file == nil {
		return nil
	}
	err := errors.Join(p.file.Close(), os.Remove(p.file.Name()))
	p.file = nil
	return err
}

// begin makes room for a blob of a proven size and writes its tail.
func (x *Exchange) begin(ctx context.Context, size int64, tail []byte) (*partial, error) {
	p := &partial{size: size, room: &reservation{s: x.store, want: size}}
	err := p.room.take(ctx)
	if api.KindOf(err) == api.KindQuota { // what broken fetches hold goes first
		if err = x.dropPartials(func(*partial) bool { return true }); err == nil {
			err = p.room.take(ctx)
		}
	}
	if err == nil {
		p.file, err = x.store.temp()
	}
	if err == nil {
		off, _ := tailRange(size)
		if _, werr := p.file.WriteAt(tail, off); werr != nil {
			err = diskError("write a blob", werr)
		}
	}
	if err != nil {
		return nil, errors.Join(err, p.discard())
	}
	return p, nil
}

// write verifies the slice of the next n bytes and appends them.
func (p *partial) write(slice []byte, id api.BlobID, n int64) error {
	wrong := api.Errorf(api.KindCorrupt, "it sent bytes that are not the blob's")
	if sliceSize(slice) != p.size {
		return wrong
	}
	out := bytes.NewBuffer(make([]byte, 0, n))
	data := bytes.NewReader(slice)
	ok, err := bao.DecodeSlice(out, data, groupLog, uint64(p.have), uint64(n), id)
	if !ok || err != nil || data.Len() > 0 || int64(out.Len()) != n {
		return wrong
	}
	if _, err := p.file.WriteAt(out.Bytes(), p.have); err != nil {
		return localError{diskError("write a blob", err)}
	}
	p.have += n
	return nil
}

// verifyTail proves a blob's size and returns its last group.
func verifyTail(slice []byte, id api.BlobID) (size int64, tail []byte, err error) {
	size = sliceSize(slice)
	off, n := tailRange(max(size, 0))
	out := bytes.NewBuffer(make([]byte, 0, n))
	data := bytes.NewReader(slice)
	if size == 0 && inlineEntry(nil, 0).ID == id && len(slice) == 8 {
		return 0, nil, nil // the format proves nothing about no bytes
	}
	if size > 0 {
		ok, derr := bao.DecodeSlice(out, data, groupLog, uint64(off), uint64(n), id)
		if ok && derr == nil && data.Len() == 0 && int64(out.Len()) == n {
			return size, out.Bytes(), nil
		}
	}
	return 0, nil, api.Errorf(api.KindCorrupt, "it sent bytes that are not the blob's")
}

// takePartial continues what an earlier fetch has left.
func (x *Exchange) takePartial(id api.BlobID) *partial {
	x.mu.Lock()
	defer x.mu.Unlock()
	p := x.broken[id]
	delete(x.broken, id)
	return p
}

// keepPartial keeps the beginning of a blob whose fetch has failed; the oldest
// one makes place.
func (x *Exchange) keepPartial(id api.BlobID, p *partial) {
	if p == nil {
		return
	}
	p.since = time.Now()
	var drop *partial
	x.mu.Lock()
	switch {
	case p.have == 0 || x.closed || x.broken[id] != nil:
		drop = p
	case len(x.broken) == partialMax:
		oldest := id
		for other, b := range x.broken {
			if drop == nil || b.since.Before(drop.since) {
				oldest, drop = other, b
			}
		}
		delete(x.broken, oldest)
		x.broken[id] = p
	default:
		x.broken[id] = p
	}
	x.mu.Unlock()
	if drop != nil {
		if err := drop.discard(); err != nil {
			x.log.Error("drop what a broken fetch left", "err", err)
		}
	}
}

func (x *Exchange) dropPartials(old func(*partial) bool) error {
	var drop []*partial
	x.mu.Lock()
	for id, p := range x.broken {
		if old(p) {
			drop = append(drop, p)
			delete(x.broken, id)
		}
	}
	x.mu.Unlock()
	var err error
	for _, p := range drop {
		err = errors.Join(err, p.discard())
	}
	return err
}

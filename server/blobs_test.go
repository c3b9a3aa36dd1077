package server_test

import (
	"context"
	"crypto/sha256"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

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

func (b *memBlobs) PutBriefly(_ context.Context, r io.Reader) (api.BlobInfo, error) {
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

func (b *memBlobs) Owners(_ context.Context, prefix string) ([]string, error) {
	return slices.DeleteFunc(b.owners(), func(o string) bool { return !strings.HasPrefix(o, prefix) }), nil
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
	_, here := b.trees[id]
	hold := b.hold
	b.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if here {
		return nil
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

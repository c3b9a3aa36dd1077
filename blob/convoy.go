package blob

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

const (
	convoyWindow = 4                // files of a convoy under way at a time
	convoyStall  = 30 * time.Second // nothing arrived: who waits for its files is sent away
)

// convoy is a large folder on its way here, file after file.
type convoy struct {
	tree    api.BlobID    // the folder's manifest
	sources []api.PeerID  // in the order in which to ask them; Exchange.mu guards it
	beat    chan struct{} // closed and replaced when a file arrived; Exchange.mu guards it
}

// arrival is a file of a convoy that is not here yet.
type arrival struct {
	convoy *convoy
	done   chan struct{} // closed when it is here, or given up
}

// FetchConvoy is FetchTree for a large folder that several members want at the
// same time. Its files come in the manifest's order, a few at a time, and who
// asks this node for one of them meanwhile is made to wait until it is here: so
// members that name each other as sources, each those before it, pass the
// folder on, and the first source gives each file away once. A source that fails
// is asked last from then on.
//
// check sees the manifest before any file is asked for. have is told the bytes of
// each file that is here, and 0 as soon as others can wait here for all the rest. A file of another size than the manifest says is
// KindCorrupt; otherwise errors are FetchTree's.
func (x *Exchange) FetchConvoy(ctx context.Context, id api.BlobID, check func(api.Tree) error, have func(bytes int64), sources ...api.PeerID) (api.Tree, error) {
	c := &convoy{tree: id, sources: slices.Clone(sources), beat: make(chan struct{})}
	x.expect(c, id)
	defer func() { x.arrived(c, id) }()
	if err := x.fetchFile(ctx, c, id); err != nil {
		return api.Tree{}, err
	}
	t, err := x.store.Tree(ctx, id)
	if err == nil {
		err = check(t)
	}
	if err != nil {
		return t, err
	}
	// First the pins, so that nothing is evicted while the rest comes in.
	if err := x.store.markTree(ctx, id, t); err != nil {
		return t, err
	}
	var missing []api.TreeFile
	var ids []api.BlobID
	for _, f := range t.Files {
		if x.store.Has(f.Blob) {
			have(f.Size)
			continue
		}
		missing, ids = append(missing, f), append(ids, f.Blob)
	}
	x.expect(c, ids...)
	defer x.arrived(c, ids...)
	x.arrived(c, id)
	have(0)
	g, each := errgroup.WithContext(ctx)
	g.SetLimit(convoyWindow)
	for _, f := range missing {
		if each.Err() != nil {
			break
		}
		g.Go(func() error {
			if err := x.fetchFile(each, c, f.Blob); err != nil {
				return err
			}
			x.arrived(c, f.Blob)
			have(f.Size)
			return nil
		})
	}
	if err := errors.Join(g.Wait(), ctx.Err()); err != nil {
		return t, err
	}
	for _, f := range t.Files {
		if size, err := x.store.Size(f.Blob); err != nil || size != f.Size {
			return t, errors.Join(err, api.Errorf(api.KindCorrupt, "file %q of the folder has %d bytes, its list says %d", clip(f.Path), size, f.Size))
		}
	}
	return t, nil
}

// fetchFile asks one source after the other.
func (x *Exchange) fetchFile(ctx context.Context, c *convoy, id api.BlobID) error {
	x.mu.Lock()
	sources := slices.Clone(c.sources)
	x.mu.Unlock()
	failed := failures(nil).err(id)
	for _, p := range sources {
		err := x.fetch(ctx, c.tree, id, []api.PeerID{p})
		kind := api.KindOf(err)
		switch {
		case err == nil || ctx.Err() != nil:
			return err
		case kind == api.KindNotFound: // it may be a moment behind, or have some files only
		case kind == api.KindUnavailable || kind == api.KindTimeout || kind == api.KindCorrupt:
			x.askLast(c, p)
		default:
			return err
		}
		failed = err
	}
	return failed
}

func (x *Exchange) askLast(c *convoy, p api.PeerID) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if i := slices.Index(c.sources, p); i >= 0 {
		c.sources = append(slices.Delete(c.sources, i, i+1), p)
	}
}

// expect notes that files will come.
func (x *Exchange) expect(c *convoy, ids ...api.BlobID) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, id := range ids {
		if x.coming[id] == nil {
			x.coming[id] = &arrival{convoy: c, done: make(chan struct{})}
		}
	}
}

// arrived lets go who waits for files that are here, or that come no more.
func (x *Exchange) arrived(c *convoy, ids ...api.BlobID) {
	x.mu.Lock()
	defer x.mu.Unlock()
	close(c.beat)
	c.beat = make(chan struct{})
	for _, id := range ids {
		if a := x.coming[id]; a != nil && a.convoy == c {
			close(a.done)
			delete(x.coming, id)
		}
	}
}

// await waits for a blob that is on its way here, as long as its convoy moves.
func (x *Exchange) await(ctx context.Context, id api.BlobID, a *arrival) error {
	timer := time.NewTimer(convoyStall)
	defer timer.Stop()
	for {
		x.mu.Lock()
		beat := a.convoy.beat
		x.mu.Unlock()
		select {
		case <-a.done:
			return nil
		case <-beat:
			timer.Reset(convoyStall)
		case <-timer.C:
			return api.Errorf(api.KindUnavailable, "blob %s does not get here", id)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

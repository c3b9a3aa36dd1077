package blob

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// FetchAll is Fetch for many blobs at a time. It ends with the first error.
func (x *Exchange) FetchAll(ctx context.Context, ids []api.BlobID, sources ...api.PeerID) error {
	g, each := errgroup.WithContext(ctx)
	g.SetLimit(batchFetch)
	for _, id := range ids {
		if each.Err() != nil {
			break
		}
		g.Go(func() error { return x.Fetch(each, id, sources...) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// FetchTree fetches a folder's manifest and then its files. Whoever pinned the
// manifest holds the files too when it returns. KindInvalid when the blob is no
// manifest; otherwise errors are Fetch's.
func (x *Exchange) FetchTree(ctx context.Context, id api.BlobID, sources ...api.PeerID) (api.Tree, error) {
	if err := x.Fetch(ctx, id, sources...); err != nil {
		return api.Tree{}, err
	}
	t, err := x.store.Tree(ctx, id)
	if err != nil {
		return api.Tree{}, err
	}
	// First the pins, so that nothing is evicted while the rest comes in.
	if err := x.store.markTree(ctx, id, t); err != nil {
		return api.Tree{}, err
	}
	return t, x.FetchAll(ctx, treeBlobs(t), sources...)
}

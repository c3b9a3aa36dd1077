package routes

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/node/door"
)

func (s *Services) blobStats(ctx context.Context, _ *door.None) (api.BlobStats, error) {
	return s.Blobs.Stats(ctx)
}

func (s *Services) putBlob(ctx context.Context, _ *door.None, body io.Reader) (api.BlobInfo, error) {
	return s.Blobs.Put(ctx, body)
}

func (s *Services) gcBlobs(ctx context.Context, _ *door.None) (api.GCResult, error) {
	freed, err := s.Blobs.GC(ctx)
	return api.GCResult{Freed: freed}, err
}

type blobIn struct {
	ID api.BlobID `path:"id" doc:"64 hex digits"`
}

func (s *Services) getBlob(w http.ResponseWriter, r *http.Request, in *blobIn) error {
	f, err := s.Blobs.Reader(in.ID)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Etag", `"`+in.ID.String()+`"`)
	http.ServeContent(w, r, "", time.Time{}, f)
	return f.Close()
}

func (s *Services) putTree(ctx context.Context, _ *door.None, body io.Reader) (api.TreeInfo, error) {
	return s.Blobs.PutTree(ctx, body)
}

func (s *Services) getTree(ctx context.Context, in *blobIn) (api.Tree, error) {
	return s.Blobs.Tree(ctx, in.ID)
}

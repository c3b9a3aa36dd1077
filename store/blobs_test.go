package store_test

import (
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/blob"
	"github.com/Akilan1999/p2p-rendering-computation/blob/blobtest"
	"github.com/Akilan1999/p2p-rendering-computation/store"
)

func TestBlobs(t *testing.T) {
	blobtest.RunIndex(t, func(t *testing.T) blob.Index {
		db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "state.db"), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		return db.Blobs()
	})
}

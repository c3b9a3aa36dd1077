package store_test

import (
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/server"
	"github.com/Akilan1999/p2p-rendering-computation/server/storetest"
	"github.com/Akilan1999/p2p-rendering-computation/store"
)

func TestLending(t *testing.T) {
	storetest.Run(t, func(t *testing.T) server.Store {
		db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "state.db"), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		return db.Lending()
	})
}

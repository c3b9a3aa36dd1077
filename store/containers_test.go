package store

import (
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
)

func TestDocuments(t *testing.T) {
	db, err := Open(t.Context(), filepath.Join(t.TempDir(), "state.db"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	d := db.Containers()
	for _, key := range []string{"b", "a", "b", "c"} {
		if err := d.Save(t.Context(), key, key+"!"); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range []string{"c", "never"} {
		if err := d.Drop(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	var all []string
	if err := d.Load(t.Context(), func(doc []byte) error { all = append(all, string(doc)); return nil }); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(all, []string{`"a!"`, `"b!"`}) {
		t.Errorf("kept %q", all)
	}
	if err := db.LentContainers().Load(t.Context(), func([]byte) error { t.Error("two kinds are mixed"); return nil }); err != nil {
		t.Error(err)
	}
}

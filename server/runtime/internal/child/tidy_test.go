package child

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/internal/nsbox"
)

func TestTidyDeletesWhatWasRemoved(t *testing.T) {
	dir := t.TempDir()
	keep := filepath.Join(t.TempDir(), "keep")
	room, err := makeRoom(dir, "BOX", nsbox.None)
	if err != nil {
		t.Fatal(err)
	}
	closed := filepath.Join(room.Work(), "task", "closed")
	err = errors.Join(os.WriteFile(keep, nil, 0o600), os.MkdirAll(closed, 0o700), os.WriteFile(filepath.Join(closed, "file"), nil, 0o600),
		os.Symlink(filepath.Dir(keep), filepath.Join(closed, "link")), os.Chmod(closed, 0))
	if err != nil {
		t.Fatal(err)
	}
	if err := room.remove(); err != nil {
		t.Fatal(err)
	}
	if err := room.remove(); err != nil {
		t.Errorf("removed again: %v", err)
	}
	if _, err := makeRoom(dir, "BOX", nsbox.None); err != nil {
		t.Errorf("its name is not free: %v", err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Tidy(over, dir); !errors.Is(err, context.Canceled) {
		t.Errorf("asked to stop: %v", err)
	}
	if err := Tidy(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(filepath.Join(dir, goneName)); err != nil || len(left) > 0 {
		t.Errorf("left: %v %v", left, err)
	}
	if _, err := os.Stat(keep); err != nil {
		t.Errorf("followed a link out: %v", err)
	}
	if err := Tidy(t.Context(), filepath.Join(dir, "never")); err != nil {
		t.Errorf("nothing to tidy: %v", err)
	}
}

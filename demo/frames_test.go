package demo

import (
	"os"
	"path/filepath"
	"testing"
)

func TestAnEarlierRunsFramesGoAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"frame-0000.png", "frame-0023.png", "frame-mine.png", "notes.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := removeFrames(dir); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 || left[0].Name() != "frame-mine.png" || left[1].Name() != "notes.txt" {
		t.Errorf("left: %v, %v", left, err)
	}
}

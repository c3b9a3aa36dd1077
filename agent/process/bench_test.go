package process

import (
	"io"
	"os"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/agent/task"
)

// BenchmarkExec is what one task costs the executor, with nothing around it.
func BenchmarkExec(b *testing.B) {
	dir := b.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer root.Close()
	e, err := New(Config{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		end, err := e.Exec(b.Context(), &task.Task{Args: []string{"true"}, Dir: dir, Cwd: ".", Root: root, Stdout: io.Discard, Stderr: io.Discard})
		if err != nil || end.Code != 0 {
			b.Fatal(end, err)
		}
	}
}

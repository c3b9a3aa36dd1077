//go:build unix

package wasm

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime/runtimetest"
)

// BenchmarkManyFiles is a folder of 50,000 small files as input: of the first task
// of a sandbox, of the second, and what closing takes.
func BenchmarkManyFiles(b *testing.B) {
	dir := b.TempDir()
	module := filepath.Join(dir, "echo.wasm")
	if err := os.WriteFile(module, runtimetest.EchoModule(), 0o600); err != nil {
		b.Fatal(err)
	}
	var files []runtime.File
	text := make([]byte, 1<<10)
	for i := range 50_000 {
		name := fmt.Sprintf("in/%03d/%05d", i/500, i)
		source := filepath.Join(dir, "blobs", name)
		if i%500 == 0 {
			if err := os.MkdirAll(filepath.Dir(source), 0o700); err != nil {
				b.Fatal(err)
			}
		}
		if err := os.WriteFile(source, text, 0o600); err != nil {
			b.Fatal(err)
		}
		files = append(files, runtime.File{Path: name, Source: source, Size: int64(len(text)), Mode: 0o644})
	}
	r := newRuntime(b, self(), dir, filepath.Join(dir, "cache"), "")
	var took [3]time.Duration
	for i := range b.N {
		sb, err := r.Open(b.Context(), runtime.Spec{ID: api.SandboxID(fmt.Sprintf("many-%d", i)), Module: module})
		if err != nil {
			b.Fatal(err)
		}
		for k := range 2 {
			start := time.Now()
			if res, err := sb.Exec(b.Context(), runtime.Command{Args: []string{"echo", "x"}, Files: files}, runtime.Streams{}); err != nil || !res.Exit.OK() {
				b.Fatal(res, err)
			}
			took[k] += time.Since(start)
		}
		start := time.Now()
		if err := sb.Close(context.Background()); err != nil {
			b.Fatal(err)
		}
		took[2] += time.Since(start)
	}
	for k, name := range []string{"first-s", "second-s", "close-s"} {
		b.ReportMetric(took[k].Seconds()/float64(b.N), name)
	}
}

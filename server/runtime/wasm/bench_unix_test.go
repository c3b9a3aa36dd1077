//go:build unix

package wasm

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime/runtimetest"
)

// BenchmarkExec is the floor of the wasm runtime: a tiny module, a fresh
// instance and directory per task, nothing around it.
func BenchmarkExec(b *testing.B) {
	dir := b.TempDir()
	module := filepath.Join(dir, "echo.wasm")
	if err := os.WriteFile(module, runtimetest.EchoModule(), 0o600); err != nil {
		b.Fatal(err)
	}
	r := newRuntime(b, self(), dir, filepath.Join(dir, "cache"), "")
	for _, n := range []int{1, 2} {
		b.Run(fmt.Sprintf("sandboxes=%d", n), func(b *testing.B) {
			var boxes []runtime.Sandbox
			for i := range n {
				sb, err := r.Open(b.Context(), runtime.Spec{ID: api.SandboxID(fmt.Sprintf("bench-%d", i)), Module: module})
				if err != nil {
					b.Fatal(err)
				}
				defer func() {
					if err := sb.Close(context.Background()); err != nil {
						b.Error(err)
					}
				}()
				boxes = append(boxes, sb)
			}
			before := used(b, boxes)
			b.ResetTimer()
			var work sync.WaitGroup
			for i, sb := range boxes {
				work.Go(func() {
					for k := i; k < b.N; k += n {
						var out bytes.Buffer
						res, err := sb.Exec(b.Context(), runtime.Command{Args: []string{"echo", "hello"}}, runtime.Streams{Stdout: &out})
						if err != nil || !res.Exit.OK() || out.String() != "hello" {
							b.Errorf("%+v %v %q", res, err, out.String())
							return
						}
					}
				})
			}
			work.Wait()
			b.ReportMetric(float64(used(b, boxes)-before)/float64(b.N)/1e3, "cpu-µs/op")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
		})
	}
}

// used is the processor time of this process and of the sandboxes.
func used(b *testing.B, boxes []runtime.Sandbox) time.Duration {
	var ru syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &ru); err != nil {
		b.Fatal(err)
	}
	sum := time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
	for _, sb := range boxes {
		u, err := sb.Usage(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		sum += u.CPUTime
	}
	return sum
}

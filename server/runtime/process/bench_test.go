package process

import (
	"context"
	"fmt"
	"os/exec"
	"sync"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
)

// BenchmarkExec is the floor of the process runtime: true, over and over.
func BenchmarkExec(b *testing.B) {
	r := newRuntime(b, self(), b.TempDir(), "")
	for _, n := range []int{1, 2} {
		b.Run(fmt.Sprintf("sandboxes=%d", n), func(b *testing.B) {
			var boxes []runtime.Sandbox
			for i := range n {
				sb, err := r.Open(b.Context(), runtime.Spec{ID: api.SandboxID(fmt.Sprintf("bench-%d", i))})
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
			b.ResetTimer()
			var work sync.WaitGroup
			for i, sb := range boxes {
				work.Go(func() {
					for k := i; k < b.N; k += n {
						res, err := sb.Exec(b.Context(), runtime.Command{Args: []string{"true"}}, runtime.Streams{})
						if err != nil || !res.Exit.OK() {
							b.Errorf("%+v %v", res, err)
							return
						}
					}
				})
			}
			work.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
		})
	}
}

// BenchmarkForkExec is what the machine itself gives: fork, exec and wait.
func BenchmarkForkExec(b *testing.B) {
	b.SetParallelism(1)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := exec.Command("/bin/true").Run(); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
}

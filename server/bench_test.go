package server_test

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

// nullRuntime executes nothing, at once.
type nullRuntime struct{}

type nullSandbox struct{ id api.SandboxID }

func (nullRuntime) Name() api.RuntimeName { return api.RuntimeWasm }
func (nullRuntime) Probe(context.Context) (api.RuntimeInfo, error) {
	return api.RuntimeInfo{Name: api.RuntimeWasm, Available: true}, nil
}
func (nullRuntime) Recover(context.Context) ([]runtime.Sandbox, error) { return nil, nil }
func (nullRuntime) Tidy(context.Context) error                         { return nil }
func (nullRuntime) Open(_ context.Context, spec runtime.Spec) (runtime.Sandbox, error) {
	return nullSandbox{spec.ID}, nil
}

func (s nullSandbox) ID() api.SandboxID                          { return s.id }
func (nullSandbox) Usage(context.Context) (runtime.Usage, error) { return runtime.Usage{}, nil }
func (nullSandbox) Pause(context.Context) error                  { return nil }
func (nullSandbox) Resume(context.Context) error                 { return nil }
func (nullSandbox) Close(context.Context) error                  { return nil }
func (nullSandbox) Exec(_ context.Context, cmd runtime.Command, st runtime.Streams) (runtime.Result, error) {
	_, err := io.WriteString(st.Stdout, cmd.Args[1])
	return runtime.Result{Usage: api.TaskUsage{Wall: api.Duration(time.Microsecond)}}, err
}

// BenchmarkLease measures everything of the lender but the sandbox and the disk:
// two slots, every result acknowledged, as one borrower that uses its credit.
func BenchmarkLease(b *testing.B) {
	r := newRig(b, 2, func(r *rig) {
		r.cfg.Runtimes = []runtime.Runtime{nullRuntime{}}
		r.cfg.Log = slog.New(slog.DiscardHandler)
		r.cfg.OnEvent = nil
	})
	defer r.stop()
	benchmarkLease(b, r)
}

func benchmarkLease(b *testing.B, r *rig) {
	br, g := r.lend(alice, anOpen("L1"))
	defer br.hangUp()
	b.ReportAllocs()
	b.ResetTimer()
	next, out, done, credit := 0, 0, 0, g.Credit
	feed := func() {
		var ts []lease.Task
		for out < credit && next < b.N && len(ts) < lease.MaxBatch {
			ts = append(ts, task(api.TaskID(next), "echo", "result"))
			next++
			out++
		}
		if len(ts) > 0 {
			br.assign(ts...)
		}
	}
	feed()
	for done < b.N {
		f := <-br.frames
		switch f.kind {
		case lease.KindFinished:
			var fin lease.Finished
			if err := unmarshal(f.body, &fin); err != nil {
				b.Fatal(err)
			}
			keys := make([]lease.Key, len(fin.Results))
			for i, res := range fin.Results {
				keys[i] = res.Key
			}
			done += len(keys)
			out -= len(keys)
			br.ack(keys...)
		case lease.KindUpdate:
			var sh lease.Share
			if err := unmarshal(f.body, &sh); err != nil {
				b.Fatal(err)
			}
			credit = sh.Credit
		case lease.KindGivenBack:
			b.Fatalf("given back: %s", f.body)
		}
		feed()
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
}

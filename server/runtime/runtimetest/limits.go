package runtimetest

import (
	"bytes"
	"io"
	"math"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
)

func (s *suite) limitWall(t *testing.T) {
	b := s.open(t)
	for _, args := range [][]string{{"sleep", "1h"}, {"spin"}} {
		cmd := s.command(args...)
		cmd.Limits.Wall = 200 * time.Millisecond
		start := time.Now()
		r := b.exec(t, cmd)
		r.wantLimit(t, api.LimitWall)
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%v: ended after %v", args, took)
		}
		b.works(t)
	}
}

func (s *suite) limitCPU(t *testing.T) {
	b := s.open(t)
	cmd := s.command("spin")
	cmd.Limits.CPU = 300 * time.Millisecond
	r := b.exec(t, cmd)
	r.wantLimit(t, api.LimitCPU)
	if cpu := time.Duration(r.Usage.CPU); cpu < 250*time.Millisecond {
		t.Errorf("it is said to have used %v", cpu)
	}
	cmd = s.command("sleep", "500ms") // time alone costs nothing
	cmd.Limits.CPU = 300 * time.Millisecond
	b.exec(t, cmd).want(t, "")
}

func (s *suite) limitOutput(t *testing.T) {
	b := s.open(t)
	cmd := s.command("print", "1000000000")
	cmd.Limits.Output = 1 << 20
	r := b.exec(t, cmd)
	r.wantLimit(t, api.LimitOutput)
	if len(r.out) != 1<<20 {
		t.Errorf("%d bytes were passed on", len(r.out))
	}
	cmd = s.command("print", "1048576") // exactly the limit is within it
	cmd.Limits.Output = 1 << 20
	if r := b.exec(t, cmd); !r.Exit.OK() || len(r.out) != 1<<20 {
		t.Errorf("the limit itself: %+v, %d bytes", r.Exit, len(r.out))
	}
}

func (s *suite) limitDisk(t *testing.T) {
	b := s.open(t)
	cmd := s.command("fill", "big", "4096")
	cmd.Limits.Disk = 64 << 20
	r := b.exec(t, cmd)
	r.wantLimit(t, api.LimitDisk)
	cmd = s.command("fill", "small", "8")
	cmd.Limits.Disk = 64 << 20
	cmd.Outputs = []string{"small"}
	if r := b.exec(t, cmd); !r.Exit.OK() || len(r.files["small"]) != 8<<20 {
		t.Errorf("8 MiB of 64: %+v, %d bytes collected", r.Exit, len(r.files["small"]))
	}
	// An input is there twice: kept for later commands, and as the task's own copy.
	in := filepath.Join(t.TempDir(), "input")
	if err := os.WriteFile(in, bytes.Repeat([]byte("x"), 40<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	for args, limit := range map[[3]string]api.Limit{{"fill", "some", "8"}: api.LimitNone, {"hoard", "some", "40"}: api.LimitDisk} {
		cmd = s.command(args[:]...)
		cmd.Files = append(cmd.Files, runtime.File{Path: "in", Source: in, Size: 40 << 20})
		cmd.Limits.Disk = 112 << 20
		if r := b.exec(t, cmd); r.Exit.Limit != limit {
			t.Errorf("%v beside twice 40 of 112: %+v", args, r.Exit)
		}
	}
	cmd.Limits.Disk = 64 << 20
	if r := b.exec(t, cmd); r.Exit.Limit != api.LimitDisk || r.Exit.OK() || r.Exit.Msg == "" {
		t.Errorf("inputs that do not fit: %+v", r.Exit)
	}
}

func (s *suite) limitMemory(t *testing.T) {
	b := s.open(t, func(spec *runtime.Spec) { spec.Cap.Memory = 128 << 20 })
	start := time.Now()
	r := b.run(t, "alloc", "8192")
	r.wantLimit(t, api.LimitMemory)
	if r.Exit.Code == 0 || time.Since(start) > within {
		t.Errorf("8 GiB ended with %+v after %v", r.Exit, time.Since(start))
	}
	b.run(t, "alloc", "16").want(t, "allocated 16\n")
	if r := b.run(t, "exit", "2"); r.Exit != (api.Exit{Code: 2}) {
		t.Errorf("a plain failure afterwards: %+v", r.Exit)
	}
}

// gate lets bytes through only while it is open.
type gate struct {
	open chan struct{}
	n    atomic.Int64
}

func (g *gate) Write(p []byte) (int, error) {
	g.n.Add(int64(len(p)))
	<-g.open
	return len(p), nil
}

func (s *suite) backpressure(t *testing.T) {
	b := s.open(t)
	total := 1_000_000_000
	if s.Image != "" { // each byte goes through an engine
		total = ring.Size(100_000_000, total)
	}
	g := &gate{open: make(chan struct{})}
	var before, during goruntime.MemStats
	goruntime.GC()
	goruntime.ReadMemStats(&before)
	var done sync.WaitGroup
	var res runtime.Result
	var err error
	done.Go(func() {
		res, err = b.Exec(t.Context(), s.command("print", strconv.Itoa(total)), runtime.Streams{Stdout: g})
	})
	// The guest comes to a stop: nobody takes what it prints.
	last, still := time.Duration(0), 0
	eventually(t, "the guest stands still", within, func() bool {
		u, err := b.Usage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if still++; u.CPUTime-last > time.Millisecond || g.n.Load() == 0 { // an agent that watches takes a little
			still = 0
		}
		last = u.CPUTime
		return still > 10
	})
	goruntime.GC()
	goruntime.ReadMemStats(&during)
	if g.n.Load() > 1<<20 {
		t.Errorf("%d bytes came through a closed gate", g.n.Load())
	}
	if grown := int64(during.HeapAlloc) - int64(before.HeapAlloc); grown > 4<<20 {
		t.Errorf("the node holds %d bytes for it", grown)
	}
	if u, err := b.Usage(t.Context()); err != nil || u.Memory > 200<<20 {
		t.Errorf("the sandbox holds %d bytes for it, %v", u.Memory, err)
	}
	close(g.open)
	done.Wait()
	if err != nil || !res.Exit.OK() || g.n.Load() != int64(total) {
		t.Errorf("%+v %v, %d bytes", res, err, g.n.Load())
	}
}

// slowStdin: a guest that never reads does not keep the input's bytes anywhere,
// and does not keep Exec from returning.
func (s *suite) slowStdin(t *testing.T) {
	b := s.open(t)
	src := &endless{}
	r := b.exec(t, s.command("sleep", "300ms"), src)
	r.want(t, "")
	if n := src.n.Load(); n > 4<<20 {
		t.Errorf("%d bytes were read ahead for a guest that reads none", n)
	}
	b.works(t)
	total := ring.Size(16<<20, 100<<20)
	r = b.exec(t, s.command("cat"), io.LimitReader(src, int64(total)))
	if !r.Exit.OK() || len(r.out) != total {
		t.Errorf("%+v, %d bytes", r.Exit, len(r.out))
	}
}

type endless struct{ n atomic.Int64 }

func (e *endless) Read(p []byte) (int, error) {
	e.n.Add(int64(len(p)))
	return len(p), nil
}

func (s *suite) usage(t *testing.T) {
	// What starts a sandbox is large, and what it ever used is on no task's account.
	large := bytes.Repeat([]byte{1}, 128<<20)
	b := s.open(t)
	goruntime.KeepAlive(large)
	u0, err := b.Usage(t.Context())
	if err != nil || u0.Memory <= 0 || u0.Memory > math.MaxInt32 {
		t.Fatalf("idle: %+v %v", u0, err)
	}
	cmd := s.command("spin")
	cmd.Limits.CPU = 300 * time.Millisecond
	b.exec(t, cmd)
	u1, err := b.Usage(t.Context())
	if err != nil || u1.CPUTime-u0.CPUTime < 250*time.Millisecond {
		t.Errorf("after 300 ms of work: %v, before %v, %v", u1.CPUTime, u0.CPUTime, err)
	}
	r := b.run(t, "alloc", "64")
	r.want(t, "allocated 64\n")
	if r.Usage.MaxMemory < 48<<20 || r.Usage.MaxMemory > 400<<20 {
		t.Errorf("64 MiB were said to be %d", r.Usage.MaxMemory)
	}
	if r.Usage.Wall <= 0 || r.Usage.CPU <= 0 {
		t.Errorf("%+v", r.Usage)
	}
	// Everything a command costs shows in its own account.
	cmd = s.command("write", "o", string(bytes.Repeat([]byte("x"), 1000)))
	cmd.Outputs = []string{"o"}
	if r := b.exec(t, cmd); r.Usage.BytesOut != 1000 {
		t.Errorf("bytes out: %d", r.Usage.BytesOut)
	}
}

// gone tells whether a path does not exist.
func gone(p string) bool {
	_, err := os.Lstat(p)
	return os.IsNotExist(err)
}

package runtimetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
)

// promised to the owner: within it his machine is his again, whatever a guest does.
const promised = 5 * time.Second

func (s *suite) cancel(t *testing.T) {
	b := s.open(t)
	for _, args := range [][]string{{"spin", "begun"}, {"print", "100000000000"}} {
		ctx, cancel := context.WithCancel(t.Context())
		var asked time.Time
		_, err := b.Exec(ctx, s.command(args...), runtime.Streams{Stdout: &onFirstWrite{f: func() { asked = time.Now(); cancel() }}})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v: %v", args, err)
		}
		if took := time.Since(asked); took > promised {
			t.Errorf("%v ended %v after it was cancelled", args, took)
		}
		b.works(t)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Exec(ctx, s.command("echo"), runtime.Streams{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before it began: %v", err)
	}
	b.works(t)
}

// busy starts a guest that spins and waits until it does.
func (b *box) busy(t *testing.T, limits ...runtime.Limits) (wait func() (runtime.Result, error)) {
	t.Helper()
	cmd := b.s.command("spin", "begun")
	if len(limits) > 0 {
		cmd.Limits = limits[0]
	}
	begun := make(chan struct{})
	var done sync.WaitGroup
	var res runtime.Result
	var err error
	done.Go(func() {
		res, err = b.Exec(context.Background(), cmd, runtime.Streams{Stdout: &onFirstWrite{f: func() { close(begun) }}})
	})
	select {
	case <-begun:
	case <-time.After(within):
		t.Fatal("the guest did not begin")
	}
	return func() (runtime.Result, error) { done.Wait(); return res, err }
}

func (b *box) cpu(t *testing.T) time.Duration {
	t.Helper()
	u, err := b.Usage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return u.CPUTime
}

// still asserts that the sandbox uses no processor time over a while.
func (b *box) still(t *testing.T) {
	t.Helper()
	before := b.cpu(t)
	<-time.After(300 * time.Millisecond) // nothing to wait for: that nothing happens is the point
	if used := b.cpu(t) - before; used > 30*time.Millisecond {
		t.Errorf("it used %v of 300 ms", used)
	}
}

func (s *suite) pause(t *testing.T) {
	b := s.open(t)
	wait := b.busy(t)
	for range 2 { // both are idempotent
		start := time.Now()
		if err := b.Pause(t.Context()); err != nil {
			t.Fatalf("pause: %v", err)
		}
		if took := time.Since(start); took > promised {
			t.Errorf("pause took %v", took)
		}
	}
	b.still(t)
	for range 2 {
		if err := b.Resume(t.Context()); err != nil {
			t.Fatalf("resume: %v", err)
		}
	}
	before := b.cpu(t)
	eventually(t, "it goes on", within, func() bool { return b.cpu(t)-before > 50*time.Millisecond })
	if err := b.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := wait(); api.KindOf(err) != api.KindLost {
		t.Errorf("exec ended with %v", err)
	}
}

// pauseClock: the owner's pause is not the task's time. It lasts longer than the task
// may; counted it would make the task's time 7 s at least.
func (s *suite) pauseClock(t *testing.T) {
	b := s.open(t)
	wait := b.busy(t, runtime.Limits{Wall: 3 * time.Second})
	if err := b.Pause(t.Context()); err != nil {
		t.Fatal(err)
	}
	ended := make(chan runtime.Result)
	go func() { r, _ := wait(); ended <- r }()
	select {
	case r := <-ended:
		t.Fatalf("it ended while it stood still: %+v", r.Exit)
	case <-time.After(4 * time.Second):
	}
	if err := b.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	select {
	case r := <-ended:
		if r.Exit.Limit != api.LimitWall || time.Duration(r.Usage.Wall) > 6*time.Second {
			t.Errorf("%+v after %v", r.Exit, time.Duration(r.Usage.Wall))
		}
	case <-time.After(within):
		t.Fatal("its wall time never came")
	}
}

func (s *suite) close(t *testing.T) {
	b := s.open(t)
	wait := b.busy(t)
	start := time.Now()
	if err := b.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := wait(); api.KindOf(err) != api.KindLost {
		t.Errorf("exec ended with %v", err)
	}
	if took := time.Since(start); took > promised {
		t.Errorf("close took %v", took)
	}
	b.isGone(t)
}

func (s *suite) closePaused(t *testing.T) {
	b := s.open(t)
	wait := b.busy(t)
	if err := b.Pause(t.Context()); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if err := b.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := wait(); api.KindOf(err) != api.KindLost {
		t.Errorf("exec ended with %v", err)
	}
	if took := time.Since(start); took > promised {
		t.Errorf("close took %v", took)
	}
	b.isGone(t)
}

// isGone asserts that a closed sandbox left nothing and answers so.
func (b *box) isGone(t *testing.T) {
	t.Helper()
	if err := b.Close(t.Context()); err != nil {
		t.Errorf("close again: %v", err)
	}
	if _, err := b.Exec(t.Context(), b.s.command("echo"), runtime.Streams{}); api.KindOf(err) != api.KindLost {
		t.Errorf("exec after close: %v", err)
	}
	if _, err := b.Usage(t.Context()); api.KindOf(err) != api.KindLost {
		t.Errorf("usage after close: %v", err)
	}
	err := filepath.WalkDir(b.dir, func(p string, _ os.DirEntry, err error) error {
		if err == nil && strings.Contains(p, string(b.ID())) {
			t.Errorf("left behind: %s", p)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func (s *suite) recover(t *testing.T) {
	dir := t.TempDir()
	rt := s.New(t, dir)
	b := s.openIn(t, rt, dir, "01OLD")
	wait := b.busy(t)
	// Another process of the same home starts: what the first left is removed.
	next := s.New(t, dir)
	if left, err := next.Recover(t.Context()); err != nil || len(left) != 0 {
		t.Fatalf("recover: %v %v", left, err)
	}
	if r, err := wait(); api.KindOf(err) != api.KindLost && r.Exit.Code != 137 {
		t.Errorf("exec ended with %+v %v", r, err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*", "01OLD*")); err != nil || len(left) > 0 {
		t.Errorf("left: %v %v", left, err)
	}
	if err := next.Tidy(t.Context()); err != nil {
		t.Errorf("tidy: %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*", ".*", "*")); err != nil || len(left) > 0 {
		t.Errorf("left after tidying: %v %v", left, err)
	}
	s.openIn(t, next, dir, "01NEW").works(t)
	if _, err := s.New(t, filepath.Join(dir, "never", "was")).Recover(t.Context()); err != nil {
		t.Errorf("recover of nothing: %v", err)
	}
}

// concurrent: sandboxes of one runtime do not get in each other's way.
func (s *suite) concurrent(t *testing.T) {
	dir := t.TempDir()
	rt := s.New(t, dir)
	var work sync.WaitGroup
	for i := range 4 {
		b := s.openIn(t, rt, dir, api.SandboxID(fmt.Sprintf("01BOX%d", i)))
		work.Go(func() {
			for k := range 10 {
				want := fmt.Sprintf("%d %d\n", i, k)
				r, err := b.try(t.Context(), s.command("echo", fmt.Sprint(i), fmt.Sprint(k)))
				if err != nil || r.out != want {
					t.Errorf("%q %v, want %q", r.out, err, want)
				}
			}
		})
	}
	work.Wait()
}

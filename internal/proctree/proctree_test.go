//go:build unix

package proctree

import (
	"bufio"
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/internal/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

// family starts a shell with two spinning children and waits until they are there.
func family(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sh", "-c", "(while :; do :; done) & (while :; do :; done) & echo up; wait")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := KillBelow(ctx, cmd.Process.Pid); err != nil {
			t.Error(err)
		}
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); strings.TrimSpace(line) != "up" {
		t.Fatal(line, err)
	}
	return cmd
}

func usage(t *testing.T, pid int) Use {
	t.Helper()
	u, err := Usage(pid)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func grows(t *testing.T, pid int, within time.Duration) bool {
	t.Helper()
	before := usage(t, pid).CPU
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(within); ; {
		select {
		case <-tick.C:
			if usage(t, pid).CPU > before+20*time.Millisecond {
				return true
			}
		case <-end:
			return false
		}
	}
}

func TestFamily(t *testing.T) {
	pid := family(t).Process.Pid
	below, err := Descendants(pid)
	if err != nil || len(below) != 2 {
		t.Fatalf("%v %v", below, err)
	}
	if u := usage(t, pid); u.Procs != 3 || u.Memory <= 0 {
		t.Errorf("%+v", u)
	}
	if !grows(t, pid, 10*time.Second) {
		t.Fatal("nobody works")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := Stop(ctx, pid); err != nil {
		t.Fatal(err)
	}
	if grows(t, pid, 200*time.Millisecond) {
		t.Error("it works on although it was stopped")
	}
	if err := Cont(ctx, pid); err != nil {
		t.Fatal(err)
	}
	if !grows(t, pid, 10*time.Second) {
		t.Error("it does not go on")
	}
	if err := Stop(ctx, pid); err != nil { // what is stopped can be killed
		t.Fatal(err)
	}
	if err := KillBelow(ctx, pid); err != nil {
		t.Fatal(err)
	}
	if u := usage(t, pid); u.Procs != 1 {
		t.Errorf("%+v after the kill", u)
	}
}

func TestGone(t *testing.T) {
	cmd := exec.Command("cat") // until its input ends
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	if Identity(pid) == "" {
		t.Error("a process without identity")
	}
	if err := errors.Join(in.Close(), cmd.Wait()); err != nil {
		t.Fatal(err)
	}
	if id := Identity(pid); id != "" {
		t.Errorf("%q for a process that is gone", id)
	}
	if _, err := Usage(pid); err == nil {
		t.Error("usage of nothing")
	}
	if err := KillBelow(t.Context(), pid); err != nil {
		t.Errorf("killing nothing: %v", err)
	}
}

package process

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/agent/task"
)

func shell(t *testing.T, e *Executor, script string, in io.Reader) (out, errs string, end task.End) {
	t.Helper()
	var o, e2 bytes.Buffer
	end, err := e.Exec(t.Context(), &task.Task{Args: []string{"/bin/sh", "-c", script}, Dir: t.TempDir(), Cwd: ".", Stdin: in, Stdout: &o, Stderr: &e2})
	if err != nil {
		t.Fatal(err)
	}
	return o.String(), e2.String(), end
}

func newExecutor(t *testing.T) *Executor {
	t.Helper()
	e, err := New(Config{Scratch: []string{t.TempDir()}})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// What a task prints comes whole, whether it ends at once or not, fits into its pipes
// or not, and whoever prints it.
func TestOutputIsWhole(t *testing.T) {
	e := newExecutor(t)
	for _, n := range []int{0, 1, 1 << 16, 1<<16 + 1, 3 << 20} {
		for _, pause := range []string{"", "sleep 0.01; "} {
			text := func(c string) string { return fmt.Sprintf("head -c %d /dev/zero | tr '\\0' %s; ", n, c) }
			out, errs, end := shell(t, e, pause+text("o")+"{ "+text("e")+"} >&2; "+pause+"exit 3", nil)
			if out != strings.Repeat("o", n) || errs != strings.Repeat("e", n) || end.Code != 3 {
				t.Errorf("%d bytes, %q: %d and %d, %+v", n, pause, len(out), len(errs), end)
			}
		}
	}
	if out, _, end := shell(t, e, "echo left; sleep 1000 & exit 0", nil); out != "left\n" || end.Code != 0 {
		t.Errorf("beside what a task leaves behind: %q, %+v", out, end)
	}
}

// A task costs the agent no descriptor when it is over.
func TestDescriptors(t *testing.T) {
	e := newExecutor(t)
	count := func() int {
		t.Helper()
		names, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(names)
	}
	all := func() {
		shell(t, e, "echo at once", nil)
		shell(t, e, "sleep 0.01", nil)
		if out, _, _ := shell(t, e, "cat", strings.NewReader("in")); out != "in" {
			t.Errorf("%q", out)
		}
		shell(t, e, "exit 0", strings.NewReader("nobody reads"))
		if end, err := e.Exec(t.Context(), &task.Task{Args: []string{"/dev/null"}, Dir: t.TempDir(), Cwd: "."}); err != nil || end.Code == 0 {
			t.Errorf("%+v, %v", end, err)
		}
	}
	all() // and what is opened once
	before := count()
	for range 10 {
		all()
	}
	if after := count(); after > before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}

// Package runtimetest is the conformance suite that every runtime passes, and
// the small guest programs it runs in sandboxes.
package runtimetest

import (
	"bytes"
	"context"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
)

// Target is a runtime under test.
type Target struct {
	// New makes the runtime with its working room below dir.
	New func(t *testing.T, dir string) runtime.Runtime
	// Wasm: guests are modules. Else they are programs of this machine.
	Wasm bool
	// Image is what sandboxes are made from, if they are made from images.
	Image string
	// Isolated: guests are kept from the machine's processes and network by
	// namespaces; else only the file system and limits are tried.
	Isolated bool
	// Closed: guests cannot reach files beyond their own and the system's.
	Closed bool
	// Node is a command that makes a runtime below dir and calls [Node] with it;
	// nil if sandboxes are no processes of this machine.
	Node func(dir string) []string
}

// Run runs the whole suite.
func Run(t *testing.T, target Target) {
	s := &suite{Target: target, guest: Build(t, target.Wasm)}
	for name, f := range map[string]func(*testing.T){
		"Exits": s.exits, "Streams": s.streams, "Files": s.files, "Outputs": s.outputs, "Fresh": s.fresh, "FileSystem": s.fileSystem,
		"CannotStart": s.cannotStart, "Backpressure": s.backpressure, "SlowStdin": s.slowStdin, "SinkFails": s.sinkFails,
		"LimitWall": s.limitWall, "LimitCPU": s.limitCPU, "LimitOutput": s.limitOutput, "LimitDisk": s.limitDisk, "LimitMemory": s.limitMemory,
		"Cancel": s.cancel, "Pause": s.pause, "PauseStopsTheClock": s.pauseClock, "Close": s.close, "CloseWhilePaused": s.closePaused,
		"Usage": s.usage, "Recover": s.recover, "Concurrent": s.concurrent, "EscapeByPath": s.escapeByPath, "BadPaths": s.badPaths,
	} {
		t.Run(name, f)
	}
	if target.Node != nil {
		t.Run("NodeKilled", s.nodeKilled)
	}
	if target.Wasm {
		t.Run("NotAModule", s.notAModule)
		t.Run("Trap", s.trap)
		t.Run("Tiny", s.tiny)
		return
	}
	for name, f := range map[string]func(*testing.T){
		"Signals": s.signals, "NoSuchProgram": s.noSuchProgram, "Shell": s.shell, "ForksWithoutEnd": s.forks, "ForkBomb": s.bomb,
		"Orphan": s.orphan, "UnlinkedFile": s.unlinked,
	} {
		t.Run(name, f)
	}
	if target.Isolated {
		t.Run("Attack", s.attack)
		t.Run("Network", s.network)
	}
}

// Build compiles the guest program for WASI or for this machine.
func Build(t testing.TB, wasm bool) string {
	t.Helper()
	if wasm {
		return build(t, "guest", "GOOS=wasip1", "GOARCH=wasm")
	}
	return build(t, "guest")
}

// BuildAgent compiles the agent alone, as argv prefix, linked statically.
func BuildAgent(t testing.TB) []string {
	t.Helper()
	return []string{build(t, "agent"), "agent"}
}

func build(t testing.TB, name string, env ...string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), name)
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", out, "github.com/Akilan1999/p2p-rendering-computation/server/runtime/runtimetest/"+name)
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0"), env...)
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building the %s: %v\n%s", name, err, b)
	}
	return out
}

type suite struct {
	Target
	guest string
}

// box is an open sandbox of the guest.
type box struct {
	runtime.Sandbox
	s   *suite
	dir string // the runtime's room
	rt  runtime.Runtime
}

// within bounds everything that should not take long.
const within = 20 * time.Second

func (s *suite) open(t *testing.T, change ...func(*runtime.Spec)) *box {
	t.Helper()
	dir := t.TempDir()
	rt := s.New(t, dir)
	return s.openIn(t, rt, dir, "01SANDBOX", change...)
}

func (s *suite) openIn(t *testing.T, rt runtime.Runtime, dir string, id api.SandboxID, change ...func(*runtime.Spec)) *box {
	t.Helper()
	spec := runtime.Spec{ID: id, Lease: "01LEASE", Borrower: "peer", Image: s.Image}
	if s.Wasm {
		spec.Module = s.guest
	}
	for _, c := range change {
		c(&spec)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	sb, err := rt.Open(ctx, spec)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	b := &box{Sandbox: sb, s: s, dir: dir, rt: rt}
	t.Cleanup(func() {
		if err := sb.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return b
}

// command runs the guest with arguments.
func (s *suite) command(args ...string) runtime.Command {
	if s.Wasm {
		return runtime.Command{Args: append([]string{"guest"}, args...)}
	}
	info, err := os.Stat(s.guest)
	if err != nil {
		panic(err)
	}
	return runtime.Command{Args: append([]string{"./guest"}, args...), Files: []runtime.File{{Path: "guest", Source: s.guest, Size: info.Size(), Mode: 0o755}}}
}

// result is everything that came out of a command.
type result struct {
	runtime.Result
	out, err string
	files    map[string]string
	order    []string
}

func (b *box) run(t *testing.T, args ...string) result {
	t.Helper()
	return b.exec(t, b.s.command(args...))
}

func (b *box) exec(t *testing.T, cmd runtime.Command, stdin ...io.Reader) result {
	t.Helper()
	r, err := b.try(t.Context(), cmd, stdin...)
	if err != nil {
		t.Fatalf("exec %q: %v", cmd.Args, err)
	}
	return r
}

func (b *box) try(ctx context.Context, cmd runtime.Command, stdin ...io.Reader) (result, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*within)
	defer cancel()
	var stdout, stderr bytes.Buffer
	r := result{files: make(map[string]string)}
	st := runtime.Streams{Stdout: &stdout, Stderr: &stderr, Output: func(path string, _ uint32, _ int64, rd io.Reader) error {
		c, err := io.ReadAll(rd)
		r.files[path] = string(c)
		r.order = append(r.order, path)
		return err
	}}
	if len(stdin) > 0 {
		st.Stdin = stdin[0]
	}
	res, err := b.Exec(ctx, cmd, st)
	r.Result, r.out, r.err = res, stdout.String(), stderr.String()
	return r, err
}

func (r result) want(t *testing.T, out string) {
	t.Helper()
	if !r.Exit.OK() || r.out != out || r.err != "" {
		t.Errorf("exit %+v, stdout %.200q, stderr %.200q, want %q", r.Exit, r.out, r.err, out)
	}
}

func (r result) wantLimit(t *testing.T, l api.Limit) {
	t.Helper()
	if r.Exit.Limit != l {
		t.Errorf("exit %+v, stderr %.300q, want limit %s", r.Exit, r.err, l)
	}
}

func (r result) wantFiles(t *testing.T, want map[string]string) {
	t.Helper()
	if !maps.Equal(r.files, want) {
		t.Errorf("collected %q, want %q", r.files, want)
	}
}

// works tells whether the sandbox is good for another command.
func (b *box) works(t *testing.T) {
	t.Helper()
	b.run(t, "echo", "still", "here").want(t, "still here\n")
}

// eventually waits until ok, looking often, for things that have no event.
func eventually(t *testing.T, what string, limit time.Duration, ok func() bool) {
	t.Helper()
	deadline := time.After(limit)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not within %v", what, limit)
		}
	}
}

// onFirstWrite calls f once, when the first byte comes.
type onFirstWrite struct {
	f    func()
	once bool
}

func (w *onFirstWrite) Write(p []byte) (int, error) {
	if !w.once {
		w.once = true
		w.f()
	}
	return len(p), nil
}

package runtimetest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
)

func (s *suite) exits(t *testing.T) {
	b := s.open(t)
	for _, code := range []int{0, 1, 3, 137, 255} {
		r := b.run(t, "exit", fmt.Sprint(code))
		if r.Exit != (api.Exit{Code: code}) {
			t.Errorf("exit %d: %+v", code, r.Exit)
		}
	}
}

func (s *suite) streams(t *testing.T) {
	b := s.open(t)
	b.run(t, "echo", "a  b", "c", "ü", "").want(t, "a  b c ü \n")
	if r := b.run(t, "err", "oops"); r.err != "oops" || r.out != "" {
		t.Errorf("stdout %q, stderr %q", r.out, r.err)
	}
	cmd := s.command("env")
	cmd.Env = []string{"A=1", "B=x=y", "EMPTY="}
	env := strings.Split(strings.TrimSpace(b.exec(t, cmd).out), "\n")
	for _, want := range cmd.Env {
		if !slices.Contains(env, want) {
			t.Errorf("environment %q lacks %s", env, want)
		}
	}
	for _, kv := range env {
		if k, _, _ := strings.Cut(kv, "="); !slices.Contains([]string{"A", "B", "EMPTY", "PATH", "HOME", "TMPDIR", "PWD"}, k) {
			t.Errorf("the guest inherited %s", kv)
		}
	}
	big := strings.Repeat("0123456789abcdef", 1<<16) // 1 MiB: beyond every window
	for _, in := range []io.Reader{strings.NewReader("small"), strings.NewReader(""), strings.NewReader(big), io.MultiReader(strings.NewReader("of "), strings.NewReader("unknown length"))} {
		want, err := io.ReadAll(io.TeeReader(in, io.Discard))
		if err != nil {
			t.Fatal(err)
		}
		if r := b.exec(t, s.command("cat"), onlyReader{bytes.NewReader(want)}); r.out != string(want) {
			t.Errorf("cat gave %d bytes of %d, exit %+v", len(r.out), len(want), r.Exit)
		}
		if r := b.exec(t, s.command("cat"), bytes.NewReader(want)); r.out != string(want) {
			t.Errorf("cat gave %d bytes of %d, exit %+v", len(r.out), len(want), r.Exit)
		}
	}
	b.run(t, "cat").want(t, "") // no input at all
}

// onlyReader hides that a reader's length is known.
type onlyReader struct{ io.Reader }

func (s *suite) files(t *testing.T) {
	b := s.open(t)
	src := filepath.Join(t.TempDir(), "blob")
	if err := os.WriteFile(src, []byte("input"), 0o600); err != nil {
		t.Fatal(err)
	}
	in := func(p string) runtime.File { return runtime.File{Path: p, Source: src, Size: 5, Mode: 0o644} }
	cmd := s.command("read", "deep/er/in.txt")
	cmd.Files = append(cmd.Files, in("in.txt"), in("deep/er/in.txt"))
	first := b.exec(t, cmd)
	first.want(t, "input")
	again := b.exec(t, cmd)
	again.want(t, "input")
	if first.Usage.BytesIn < 5 || again.Usage.BytesIn != 0 {
		t.Errorf("staged %d bytes, then %d: an input is staged once per sandbox", first.Usage.BytesIn, again.Usage.BytesIn)
	}
	// What a task does to its copy the next one does not see.
	spoil := s.command("write", "in.txt", "spoilt")
	spoil.Files = append(spoil.Files, in("in.txt"))
	b.exec(t, spoil).want(t, "")
	cmd = s.command("read", "in.txt")
	cmd.Files = append(cmd.Files, in("in.txt"))
	b.exec(t, cmd).want(t, "input")
	// The working directory is below, and made if it is not there.
	cmd = s.command("read", "in.txt")
	cmd.Files, cmd.Cwd = append(cmd.Files, in("sub/in.txt")), "sub"
	if !s.Wasm {
		cmd.Args[0] = "../guest"
	}
	b.exec(t, cmd).want(t, "input")
	// An input that is not there is the machine's fault, and nothing breaks.
	cmd.Files = append(cmd.Files, runtime.File{Path: "gone", Source: src + "-gone", Size: 1})
	if _, err := b.try(t.Context(), cmd); err == nil {
		t.Error("a missing input went unnoticed")
	}
	short := runtime.File{Path: "short", Source: src, Size: 6}
	cmd.Files[len(cmd.Files)-1] = short
	if _, err := s.open(t).try(t.Context(), cmd); api.KindOf(err) != api.KindCorrupt {
		t.Errorf("an input of the wrong size: %v", err)
	}
	b.works(t)
}

func (s *suite) outputs(t *testing.T) {
	b := s.open(t)
	write := []string{"write", "a.txt", "A", "b.bin", "B", "out/x.png", "X", "out/deep/y.png", "Y", "out/deep/z.txt", "Z"}
	for _, c := range []struct {
		globs []string
		want  map[string]string
	}{
		{[]string{"a.txt"}, map[string]string{"a.txt": "A"}},
		{[]string{"*.txt", "*.bin"}, map[string]string{"a.txt": "A", "b.bin": "B"}},
		{[]string{"**/*.png"}, map[string]string{"out/x.png": "X", "out/deep/y.png": "Y"}},
		{[]string{"out/**"}, map[string]string{"out/x.png": "X", "out/deep/y.png": "Y", "out/deep/z.txt": "Z"}},
		{[]string{"out"}, map[string]string{"out/x.png": "X", "out/deep/y.png": "Y", "out/deep/z.txt": "Z"}},
		{[]string{"a.txt", "a.*"}, map[string]string{"a.txt": "A"}},
	} {
		cmd := s.command(write...)
		cmd.Outputs = c.globs
		r := b.exec(t, cmd)
		r.want(t, "")
		r.wantFiles(t, c.want)
		if !slices.IsSorted(r.order) {
			t.Errorf("%q came in order %q", c.globs, r.order)
		}
	}
	cmd := s.command(write...)
	cmd.Outputs = []string{"a.txt", "missing/*.exr"}
	r := b.exec(t, cmd)
	if r.Exit.OK() || r.Exit.Code != 0 || !strings.Contains(r.Exit.Msg, "missing/*.exr") {
		t.Errorf("an output that is missing: %+v", r.Exit)
	}
	r.wantFiles(t, map[string]string{"a.txt": "A"})
}

func (s *suite) fresh(t *testing.T) {
	b := s.open(t)
	b.run(t, "write", "left", "x", "d/e/f", "y").want(t, "")
	want := ""
	if !s.Wasm {
		want = " guest"
	}
	b.run(t, "list", ".").want(t, want)
	b.run(t, "list", ".").want(t, want)
}

func (s *suite) fileSystem(t *testing.T) {
	b := s.open(t)
	want := "xone two 3"
	if !s.Wasm {
		want += " guest"
	}
	b.run(t, "files").want(t, want+" link moved")
}

func (s *suite) cannotStart(t *testing.T) {
	b := s.open(t)
	if _, err := b.try(t.Context(), runtime.Command{}); err == nil {
		t.Error("a command without a program was run")
	}
	b.works(t)
}

func (s *suite) badPaths(t *testing.T) {
	b := s.open(t)
	for _, p := range []string{"../x", "/etc/x", "a/../../x", "a//b", "", ".", "a\x00b"} {
		cmd := s.command("echo")
		cmd.Files = append(cmd.Files, runtime.File{Path: p, Source: s.guest, Size: 1})
		if _, err := b.try(t.Context(), cmd); err == nil {
			t.Errorf("input path %q was taken", p)
		}
		if p == "" || p == "." || p == "a//b" {
			continue // is the directory itself, or means a/b
		}
		cmd = s.command("echo")
		cmd.Cwd = p
		if _, err := b.try(t.Context(), cmd); err == nil {
			t.Errorf("working directory %q was taken", p)
		}
	}
	b.works(t)
}

var errSink = errors.New("the sink is full")

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errSink }

func (s *suite) sinkFails(t *testing.T) {
	b := s.open(t)
	if _, err := b.Exec(t.Context(), s.command("print", "100000000"), runtime.Streams{Stdout: failingWriter{}}); !errors.Is(err, errSink) {
		t.Errorf("a writer's error became %v", err)
	}
	b.works(t)
	cmd := s.command("write", "a", "A", "b", "B")
	cmd.Outputs = []string{"*"}
	_, err := b.Exec(t.Context(), cmd, runtime.Streams{Output: func(string, uint32, int64, io.Reader) error { return errSink }})
	if !errors.Is(err, errSink) {
		t.Errorf("an output's error became %v", err)
	}
	b.works(t)
}

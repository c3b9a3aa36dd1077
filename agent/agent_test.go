package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/agent/task"
	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/leak"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

func TestMain(m *testing.M) { leak.Main(m) }

// scripted is an executor whose programs are Go functions.
type scripted struct {
	inline bool
	run    func(ctx context.Context, t *task.Task) (task.End, error)
}

func (s scripted) Inline() bool { return s.inline }
func (s scripted) Exec(ctx context.Context, t *task.Task) (task.End, error) {
	return s.run(ctx, t)
}

// connected starts Serve on one end of a pipe and a Client on the other.
func connected(t *testing.T, ex task.Executor) (*Client, string) {
	t.Helper()
	room := t.TempDir()
	ours, theirs := net.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- Serve(t.Context(), theirs, nil, Dirs{Work: filepath.Join(room, "work"), Stage: filepath.Join(room, "stage")}, ex)
		theirs.Close()
	}()
	c, err := NewClient(ours)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		if err := <-done; err != nil && !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("serve: %v", err)
		}
	})
	return c, room
}

// both runs f for an executor that runs inline and for one that runs beside.
func both(t *testing.T, run func(ctx context.Context, t *task.Task) (task.End, error), f func(t *testing.T, c *Client, room string)) {
	for _, inline := range []bool{true, false} {
		t.Run(fmt.Sprintf("inline=%v", inline), func(t *testing.T) {
			c, room := connected(t, scripted{inline, run})
			if c.Inline() != inline {
				t.Error("the agent's kind did not come across")
			}
			f(t, c, room)
		})
	}
}

// shellish understands a few words.
func shellish(ctx context.Context, t *task.Task) (task.End, error) {
	switch t.Args[0] {
	case "cat":
		if t.Stdin == nil {
			return task.End{}, nil
		}
		_, err := io.Copy(t.Stdout, t.Stdin)
		return task.End{}, err
	case "write":
		for i := 1; i < len(t.Args); i += 2 {
			p := filepath.Join(t.Dir, t.Args[i])
			if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte(t.Args[i+1]), 0o640)); err != nil {
				return task.End{}, err
			}
		}
		return task.End{}, nil
	case "link":
		return task.End{}, os.Symlink("/etc/passwd", filepath.Join(t.Dir, t.Args[1]))
	case "read":
		b, err := os.ReadFile(filepath.Join(t.Dir, t.Args[1]))
		if err != nil {
			return task.End{Code: 1, Msg: err.Error()}, nil
		}
		_, err = t.Stdout.Write(b)
		return task.End{}, err
	case "broken":
		return task.End{}, errors.New("the disk is on fire\x1b[31m")
	case "exit":
		return task.End{Code: len(t.Args), Signal: "odd", Msg: "said\x07so"}, nil
	case "wait":
		fmt.Fprint(t.Stdout, "waiting")
		<-ctx.Done()
		return task.End{Code: 137, Signal: "killed"}, nil
	}
	fmt.Fprint(t.Stdout, strings.Join(t.Args, " "))
	fmt.Fprint(t.Stderr, t.Cwd)
	return task.End{}, nil
}

func TestExec(t *testing.T) {
	both(t, shellish, func(t *testing.T, c *Client, _ string) {
		var out, errs bytes.Buffer
		for i := range 20 {
			out.Reset()
			errs.Reset()
			rep, err := c.Exec(Command{Args: []string{"a", fmt.Sprint(i)}, Cwd: "x/y"}, Streams{Stdout: &out, Stderr: &errs})
			if err != nil || !rep.Exit.OK() || out.String() != fmt.Sprint("a ", i) || errs.String() != "x/y" {
				t.Fatalf("%+v %v %q %q", rep, err, &out, &errs)
			}
		}
		rep, err := c.Exec(Command{Args: []string{"exit"}}, Streams{})
		if err != nil || rep.Exit.Code != 1 || rep.Exit.Signal != "odd" || rep.Exit.Msg != "said so" {
			t.Errorf("%+v %v", rep, err)
		}
		_, err = c.Exec(Command{Args: []string{"broken"}}, Streams{})
		if api.KindOf(err) != api.KindInternal || strings.ContainsRune(err.Error(), 0x1b) {
			t.Errorf("%q", err)
		}
		if _, err := c.Exec(Command{Args: []string{"a"}}, Streams{}); err != nil {
			t.Errorf("after a failure: %v", err)
		}
	})
}

func TestStdin(t *testing.T) {
	both(t, shellish, func(t *testing.T, c *Client, _ string) {
		for _, n := range []int{0, 1, chunk / 2, chunk, stdinWindow, 3*stdinWindow + 7} {
			want := bytes.Repeat([]byte("0123456789abcdef"), n/16+1)[:n]
			for _, in := range []io.Reader{bytes.NewReader(want), io.MultiReader(bytes.NewReader(want))} {
				var out bytes.Buffer
				if _, err := c.Exec(Command{Args: []string{"cat"}}, Streams{Stdin: in, Stdout: &out}); err != nil || !bytes.Equal(out.Bytes(), want) {
					t.Fatalf("%d bytes: %d came back, %v", n, out.Len(), err)
				}
			}
			// A command that ignores its input leaves nothing for the next one.
			if _, err := c.Exec(Command{Args: []string{"a"}}, Streams{Stdin: io.MultiReader(bytes.NewReader(want))}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A read of stdin that never returns does not keep a command from ending, and
// what it brings at last is nobody's.
func TestStdinThatHangs(t *testing.T) {
	c, _ := connected(t, scripted{false, shellish})
	in, feed := io.Pipe()
	var out bytes.Buffer
	if _, err := c.Exec(Command{Args: []string{"a"}}, Streams{Stdin: in, Stdout: &out}); err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	work.Go(func() { feed.Write([]byte("late")); feed.Close() })
	work.Wait()
	out.Reset()
	if _, err := c.Exec(Command{Args: []string{"cat"}}, Streams{Stdin: strings.NewReader("mine"), Stdout: &out}); err != nil || out.String() != "mine" {
		t.Errorf("%q %v", &out, err)
	}
}

func TestKill(t *testing.T) {
	c, _ := connected(t, scripted{false, shellish})
	if err := c.Kill(); err != nil {
		t.Errorf("with nothing to kill: %v", err)
	}
	for range 3 {
		rep, err := c.Exec(Command{Args: []string{"wait"}}, Streams{Stdout: writer(func(p []byte) error { return c.Kill() })})
		if err != nil || rep.Exit.Code != 137 {
			t.Fatalf("%+v %v", rep, err)
		}
		if _, err := c.Exec(Command{Args: []string{"a"}}, Streams{}); err != nil {
			t.Fatal(err)
		}
	}
}

type writer func([]byte) error

func (w writer) Write(p []byte) (int, error) { return len(p), w(p) }

func TestClose(t *testing.T) {
	c, _ := connected(t, scripted{false, shellish})
	_, err := c.Exec(Command{Args: []string{"wait"}}, Streams{Stdout: writer(func([]byte) error { return c.Close() })})
	if api.KindOf(err) != api.KindLost {
		t.Errorf("%v", err)
	}
}

func TestFiles(t *testing.T) {
	both(t, shellish, func(t *testing.T, c *Client, room string) {
		src := filepath.Join(t.TempDir(), "blob")
		if err := os.WriteFile(src, bytes.Repeat([]byte("x"), 3*chunk+1), 0o600); err != nil {
			t.Fatal(err)
		}
		in := File{Path: "a/b", Source: src, Size: 3*chunk + 1, Mode: 0o600}
		for i, want := range []int64{in.Size, 0, 0} {
			var out bytes.Buffer
			rep, err := c.Exec(Command{Args: []string{"read", "a/b"}, Files: []File{in}}, Streams{Stdout: &out})
			if err != nil || out.Len() != 3*chunk+1 || rep.BytesIn != want {
				t.Fatalf("try %d: %d bytes, %d staged, %v", i, out.Len(), rep.BytesIn, err)
			}
		}
		// Twice the same path is the caller's mistake, and no more than that.
		if _, err := c.Exec(Command{Args: []string{"a"}, Files: []File{in, in}}, Streams{}); err == nil {
			t.Error("one path was given two inputs")
		}
		got := make(map[string]string)
		var order []string
		rep, err := c.Exec(Command{Args: []string{"write", "o/2", "two", "o/1", "one", "o.x", "dot", "no", "no"}, Outputs: []string{"o/*", "o.x", "gone"}},
			Streams{Output: func(p string, mode uint32, size int64, r io.Reader) error {
				b, err := io.ReadAll(r)
				got[p] = fmt.Sprintf("%s %o %d", b, mode, size)
				order = append(order, p)
				return err
			}})
		if err != nil || len(got) != 3 || got["o/1"] != "one 640 3" || strings.Join(order, " ") != "o.x o/1 o/2" {
			t.Errorf("%v %q %q", err, got, order)
		}
		if len(rep.Missing) != 1 || rep.Missing[0] != "gone" {
			t.Errorf("missing: %q", rep.Missing)
		}
		// An output that is not read to its end does not shift what comes after.
		if _, err := c.Exec(Command{Args: []string{"write", "a", strings.Repeat("y", 4*chunk), "b", "B"}, Outputs: []string{"*"}},
			Streams{Output: func(_ string, _ uint32, _ int64, r io.Reader) error { _, err := r.Read(make([]byte, 1)); return err }}); err != nil {
			t.Error(err)
		}
		// The agent takes a task's directory away before it starts the next.
		if _, err := c.Exec(Command{Args: []string{"a"}}, Streams{}); err != nil {
			t.Error(err)
		}
		entries, err := os.ReadDir(filepath.Join(room, "work"))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			left, err := os.ReadDir(filepath.Join(room, "work", e.Name()))
			if err != nil && !os.IsNotExist(err) || len(left) > 0 {
				t.Errorf("a task left %v %v", left, err)
			}
		}
	})
}

// The names of a command's inputs may be more than one frame holds.
func TestManyLongNames(t *testing.T) {
	both(t, shellish, func(t *testing.T, c *Client, _ string) {
		src := filepath.Join(t.TempDir(), "blob")
		if err := os.WriteFile(src, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		dir := strings.Repeat(strings.Repeat("d", 250)+"/", 8)
		files := make([]File, maxToAgent/len(dir)+10)
		for i := range files {
			files[i] = File{Path: fmt.Sprintf("%s%04d", dir, i), Source: src, Size: 1, Mode: 0o600}
		}
		for _, f := range []File{files[0], files[len(files)-1]} {
			var out bytes.Buffer
			if _, err := c.Exec(Command{Args: []string{"read", f.Path}, Files: files}, Streams{Stdout: &out}); err != nil || out.String() != "x" {
				t.Fatalf("%q, %v", out.String(), err)
			}
		}
	})
}

// What was asked for and cannot be brought back is said, not left out in silence.
func TestOutputsThatCannotTravel(t *testing.T) {
	for _, tc := range []struct {
		args    []string
		outputs string
		want    string
	}{
		{[]string{"link", "out"}, "out", `output "out" is a link: only regular files are brought back`},
		{[]string{"link", "out"}, "o*", ""}, // met by chance: the pattern may be for others
		{[]string{"write", "a\nb", "x"}, "*", `output "a\nb" has a name`},
		{[]string{"write", "a\nb", "x", "c", "y"}, "c", ""},
		{[]string{"write", "d/e", "x"}, "d", ""},
	} {
		both(t, shellish, func(t *testing.T, c *Client, _ string) {
			rep, err := c.Exec(Command{Args: tc.args, Outputs: []string{tc.outputs}},
				Streams{Output: func(_ string, _ uint32, _ int64, r io.Reader) error { _, err := io.Copy(io.Discard, r); return err }})
			if err != nil || !strings.HasPrefix(rep.Exit.Msg, tc.want) || tc.want == "" && rep.Exit.Msg != "" {
				t.Errorf("%q for %q: %q, %v; want %q", tc.args, tc.outputs, rep.Exit.Msg, err, tc.want)
			}
		})
	}
}

// A sandbox keeps what the last command used, and nothing else.
func TestStagerKeepsTheInputsOfOneCommand(t *testing.T) {
	var sent bytes.Buffer
	c := &Client{conn: nopCloser{&sent}, stage: newStager(), w: newWriterFor(&sent)}
	dir := t.TempDir()
	file := func(name string) File {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		return File{Path: name, Source: p, Size: 1}
	}
	shared, own, other := file("shared"), file("own"), file("other")
	for _, k := range []struct {
		files  []File
		staged int64
		kept   int
	}{
		{[]File{shared, own}, 2, 2}, {[]File{shared, other}, 1, 2}, {[]File{own, {Path: "twice", Source: own.Source, Size: 1}}, 1, 1}, {nil, 0, 0},
	} {
		staged, refs, err := c.stage.send(c, k.files)
		if err != nil || staged != k.staged || len(refs) != len(k.files) || len(c.stage.byKey) != k.kept {
			t.Fatalf("%d files: %d bytes sent, %d refs, %d kept, %v", len(k.files), staged, len(refs), len(c.stage.byKey), err)
		}
		c.seq++
	}
	if err := c.w.Flush(); err != nil {
		t.Fatal(err)
	}
	dropped, r := 0, wire.NewReader(&sent, maxToAgent)
	for {
		kind, payload, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if kind == kindDrop {
			var m drop
			if err := wire.Decode(payload, &m); err != nil {
				t.Fatal(err)
			}
			dropped += len(m.IDs)
		}
	}
	if dropped != 4 {
		t.Errorf("%d were dropped", dropped)
	}
}

type nopCloser struct{ io.ReadWriter }

func (nopCloser) Close() error { return nil }

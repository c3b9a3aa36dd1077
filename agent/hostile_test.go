package agent

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

func newWriterFor(w io.Writer) *wire.Writer { return wire.NewWriter(w, maxToAgent) }

// evil is an agent that says hello and then, to the first command, whatever it is told.
func evil(t testing.TB, say func(w *wire.Writer)) (Report, error) {
	t.Helper()
	ours, theirs := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer theirs.Close()
		r, w := wire.NewReader(theirs, maxToAgent), wire.NewWriter(theirs, maxToAgent)
		if _, _, err := r.Next(); err != nil {
			return
		}
		if w.Send(kindHello, hello{Version: version}) != nil {
			return
		}
		if _, _, err := r.Next(); err != nil {
			return
		}
		say(w)
	}()
	c, err := NewClient(ours)
	if err != nil {
		t.Fatal(err)
	}
	rep, err := c.Exec(Command{Args: []string{"x"}, Outputs: []string{"**"}},
		Streams{Stdout: io.Discard, Output: func(_ string, _ uint32, _ int64, r io.Reader) error { _, err := io.Copy(io.Discard, r); return err }})
	c.Close()
	<-done
	return rep, err
}

func TestHostileAgent(t *testing.T) {
	file := func(path string, size int64) func(*wire.Writer) {
		return func(w *wire.Writer) { w.Send(kindFile, fileMsg{Path: path, Size: size}) }
	}
	exit := func(w *wire.Writer) { w.Send(kindExit, exitMsg{Seq: 1}) }
	data := func(b string) func(*wire.Writer) { return func(w *wire.Writer) { w.Write(kindData, []byte(b)) } }
	for name, frames := range map[string][]func(*wire.Writer){
		"path up":          {file("../x", 0), data(""), exit},
		"path absolute":    {file("/etc/passwd", 0), data(""), exit},
		"path unclean":     {file("a//b", 0), data(""), exit},
		"path dot":         {file(".", 0), data(""), exit},
		"path empty":       {file("", 0), data(""), exit},
		"path nul":         {file("a\x00b", 0), data(""), exit},
		"path newline":     {file("a\nb", 0), data(""), exit},
		"path backslash":   {file(`..\x`, 0), data(""), exit},
		"path long":        {file(strings.Repeat("a", 5000), 0), data(""), exit},
		"twice":            {file("a", 0), data(""), file("a", 0), data(""), exit},
		"out of order":     {file("b", 0), data(""), file("a", 0), data(""), exit},
		"negative":         {file("a", -1), data(""), exit},
		"too long":         {file("a", 1), data("xy"), data(""), exit},
		"too short":        {file("a", 2), data("x"), data(""), exit},
		"unfinished":       {file("a", 2), data("x"), exit},
		"other exit":       {func(w *wire.Writer) { w.Send(kindExit, exitMsg{Seq: 2}) }},
		"other fail":       {func(w *wire.Writer) { w.Send(kindFail, failMsg{Seq: 7}) }},
		"hello again":      {func(w *wire.Writer) { w.Send(kindHello, hello{}) }, exit},
		"node's kind":      {func(w *wire.Writer) { w.Send(kindExec, execMsg{}) }, exit},
		"unknown kind":     {func(w *wire.Writer) { w.Write(200, nil) }, exit},
		"not JSON":         {func(w *wire.Writer) { w.Write(kindExit, []byte("{")) }},
		"frame over limit": {func(w *wire.Writer) { w.Write(kindStdout, make([]byte, maxToNode+1)) }, exit},
	} {
		_, err := evil(t, func(w *wire.Writer) {
			for _, f := range frames {
				f(w)
			}
		})
		if api.KindOf(err) != api.KindCorrupt {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := evil(t, func(*wire.Writer) {}); api.KindOf(err) != api.KindLost {
		t.Errorf("an agent that goes: %v", err)
	}
	rep, err := evil(t, func(w *wire.Writer) {
		w.Send(kindExit, exitMsg{Seq: 1, Code: -256, Signal: strings.Repeat("s", 500), Limit: api.LimitWall, Msg: strings.Repeat("\x1b[2J", 1000), CPU: -5, MaxMemory: -1})
	})
	if err != nil || rep.Exit.Code != 255 || len(rep.Exit.Signal) > 40 || rep.Exit.Limit != "" || len(rep.Exit.Msg) > maxMsg ||
		strings.ContainsRune(rep.Exit.Msg, 0x1b) || rep.CPU < 0 || rep.MaxMemory < 0 {
		t.Errorf("%+v %v", rep, err)
	}
	// A guest cannot choose kinds that mean something to the node.
	for _, k := range []api.Kind{api.KindLost, api.KindWithdrawn, api.KindDenied, "made up"} {
		if _, err := evil(t, func(w *wire.Writer) { w.Send(kindFail, failMsg{Seq: 1, Kind: k, Msg: "x"}) }); api.KindOf(err) != api.KindInternal {
			t.Errorf("%s: %v", k, err)
		}
	}
}

func TestHostileHello(t *testing.T) {
	for name, say := range map[string]func(net.Conn){
		"other version": func(c net.Conn) { wire.NewWriter(c, 100).Send(kindHello, hello{Version: 99}) },
		"other frame":   func(c net.Conn) { wire.NewWriter(c, 100).Send(kindExit, exitMsg{}) },
		"noise":         func(c net.Conn) { c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) },
		"nothing":       func(net.Conn) {},
	} {
		ours, theirs := net.Pipe()
		go func() {
			wire.NewReader(theirs, 100).Next()
			say(theirs)
			theirs.Close()
		}()
		if _, err := NewClient(ours); err == nil {
			t.Errorf("%s was taken for an agent", name)
		}
	}
}

// An agent that neither reads nor ends does not keep Close from ending Exec.
func TestDeafAgent(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	go func() {
		r, w := wire.NewReader(theirs, maxToAgent), wire.NewWriter(theirs, maxToAgent)
		r.Next()
		w.Send(kindHello, hello{Version: version})
	}()
	c, err := NewClient(ours)
	if err != nil {
		t.Fatal(err)
	}
	stop := time.AfterFunc(50*time.Millisecond, func() { c.Close() })
	defer stop.Stop()
	if _, err := c.Exec(Command{Args: []string{"x"}}, Streams{Stdin: io.MultiReader(strings.NewReader("in"))}); api.KindOf(err) != api.KindLost {
		t.Errorf("%v", err)
	}
}

// loop is a stream that gives what a guest wrote and takes everything.
type loop struct {
	io.Reader
	io.Writer
}

func (loop) Close() error { return nil }

// FuzzClient feeds the node's end whatever bytes a guest may send.
func FuzzClient(f *testing.F) {
	frame := func(kind wire.Kind, v any) []byte {
		var b bytes.Buffer
		w := wire.NewWriter(&b, maxToAgent)
		if raw, ok := v.([]byte); ok {
			w.Write(kind, raw)
		} else {
			w.Send(kind, v)
		}
		return b.Bytes()
	}
	hi := frame(kindHello, hello{Version: version})
	seed := func(parts ...[]byte) { f.Add(bytes.Join(append([][]byte{hi}, parts...), nil)) }
	seed(frame(kindStdout, []byte("out")), frame(kindExit, exitMsg{Seq: 1, Code: 3}))
	seed(frame(kindFile, fileMsg{Path: "a/b", Size: 2}), frame(kindData, []byte("xy")), frame(kindData, []byte{}), frame(kindExit, exitMsg{Seq: 1}))
	seed(frame(kindCredit, credit{N: 5}), frame(kindFail, failMsg{Seq: 1, Msg: "no"}))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := NewClient(loop{bytes.NewReader(b), io.Discard})
		if err != nil {
			return
		}
		rep, err := c.Exec(Command{Args: []string{"x"}, Outputs: []string{"a/*"}}, Streams{Stdin: io.MultiReader(strings.NewReader("in")),
			Output: func(p string, mode uint32, size int64, r io.Reader) error {
				if strings.Contains(p, "..") && strings.Contains("/"+p+"/", "/../") || strings.HasPrefix(p, "/") || !strings.HasPrefix(p, "a/") || mode > 0o777 || size < 0 {
					t.Fatalf("output %q mode %o size %d", p, mode, size)
				}
				n, err := io.Copy(io.Discard, r)
				if err == nil && n != size {
					t.Fatalf("%d bytes of %d", n, size)
				}
				return err
			}})
		if err == nil && (rep.Exit.Code < 0 || rep.Exit.Code > 255) {
			t.Fatalf("%+v", rep)
		}
	})
}

// FuzzServe feeds the guest's end: a node is trusted, but must not crash it.
func FuzzServe(f *testing.F) {
	var b bytes.Buffer
	w := wire.NewWriter(&b, maxToAgent)
	w.Send(kindHello, hello{Version: version})
	w.Send(kindPut, put{ID: 1, Size: 1})
	w.Write(kindData, []byte("x"))
	w.Write(kindData, nil)
	w.Send(kindExec, execMsg{Seq: 1, Args: []string{"a"}, Files: []fileRef{{Path: "f", ID: 1}}, Outputs: []string{"**"}, Stdin: true})
	w.Write(kindStdin, []byte("in"))
	w.Send(kindDrop, drop{IDs: []uint64{1}})
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		err := Serve(t.Context(), loop{bytes.NewReader(b), io.Discard}, nil, Dirs{Work: dir + "/work", Stage: dir + "/stage"}, scripted{true, shellish})
		var e *json.SyntaxError
		_ = errors.As(err, &e) // any error will do
	})
}

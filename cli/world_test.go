package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/config"
	"github.com/Akilan1999/p2p-rendering-computation/internal/leak"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) { leak.Main(m) }

// world is one home with a node that answers as the test says.
type world struct {
	t        *testing.T
	home     string
	dir      string
	mux      *http.ServeMux
	env      map[string]string
	deps     Deps
	stdin    string
	out, err safeBuffer
	outWidth int // of a terminal, 0: none
	errWidth int
	signals  chan os.Signal

	mu    sync.Mutex
	calls []string // method and path, in order, guarded by mu
}

// safeBuffer is a buffer that a running command and a test may both use.
type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func (b *safeBuffer) Reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.buf.Reset()
}

// newWorld is a home without a node.
func newWorld(t *testing.T) *world {
	t.Helper()
	home, err := os.MkdirTemp("", "p2h") // short: a socket's path has little room
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(home); err != nil {
			t.Error(err)
		}
	})
	return &world{t: t, home: home, dir: t.TempDir(), mux: http.NewServeMux(), env: map[string]string{"P2PRC": home, "TERM": "xterm"},
		deps: Deps{Version: "v0.1-test"}, signals: make(chan os.Signal, 2)}
}

// serve starts the node.
func (w *world) serve() *world {
	w.t.Helper()
	ln, err := net.Listen("unix", filepath.Join(w.home, config.SocketName))
	if err != nil {
		w.t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.calls = append(w.calls, r.Method+" "+r.URL.Path)
		w.mu.Unlock()
		w.mux.ServeHTTP(rw, r)
	}))
	if err := srv.Listener.Close(); err != nil {
		w.t.Fatal(err)
	}
	srv.Listener = ln
	srv.Start()
	w.t.Cleanup(srv.Close)
	return w
}

func (w *world) called(call string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.calls {
		if c == call {
			return true
		}
	}
	return false
}

// answer makes a route answer with JSON.
func (w *world) answer(route string, v any) *world {
	w.mux.HandleFunc(route, func(rw http.ResponseWriter, _ *http.Request) {
		if v == nil {
			rw.WriteHeader(http.StatusNoContent)
			return
		}
		if err, ok := v.(error); ok {
			p := api.ProblemOf(err, true)
			rw.Header().Set("Content-Type", "application/problem+json")
			rw.WriteHeader(p.Status)
			v := p
			if err := json.NewEncoder(rw).Encode(v); err != nil {
				w.t.Error(err)
			}
			return
		}
		if err := json.NewEncoder(rw).Encode(v); err != nil {
			w.t.Error(err)
		}
	})
	return w
}

// rows makes a route answer with NDJSON.
func rows[T any](w *world, route string, list ...T) {
	w.mux.HandleFunc(route, func(rw http.ResponseWriter, _ *http.Request) {
		enc := json.NewEncoder(rw)
		for _, v := range list {
			if err := enc.Encode(v); err != nil {
				w.t.Error(err)
			}
		}
	})
}

// took decodes what a route is sent into v.
func took[T any](w *world, route string, v *T, reply any) {
	w.mux.HandleFunc(route, func(rw http.ResponseWriter, r *http.Request) {
		if err := json.NewDecoder(r.Body).Decode(v); err != nil {
			w.t.Error(err)
		}
		if reply == nil {
			rw.WriteHeader(http.StatusNoContent)
			return
		}
		if err := json.NewEncoder(rw).Encode(reply); err != nil {
			w.t.Error(err)
		}
	})
}

func (w *world) environment() Env {
	return Env{
		Stdin: strings.NewReader(w.stdin), Stdout: &w.out, Stderr: &w.err, Dir: w.dir, Program: "/nowhere/p2prc", Signals: w.signals,
		Getenv: func(k string) string { return w.env[k] },
		Terminal: func(stream any) (int, bool) {
			width := w.errWidth
			if stream == any(&w.out) {
				width = w.outWidth
			}
			return width, width > 0
		},
	}
}

// run runs a command and returns its exit code.
func (w *world) run(args ...string) int {
	w.t.Helper()
	w.out.Reset()
	w.err.Reset()
	return Main(context.Background(), args, w.environment(), w.deps)
}

// want runs a command and checks its exit code and that its outputs hold texts.
func (w *world) want(code int, stdout, stderr string, args ...string) {
	w.t.Helper()
	if got := w.run(args...); got != code || !strings.Contains(w.out.String(), stdout) || !strings.Contains(w.err.String(), stderr) {
		w.t.Errorf("p2prc %s: exit %d, want %d\nstdout: %s\nstderr: %s\nwant in stdout: %s\nwant in stderr: %s", strings.Join(args, " "), got, code, w.out.String(), w.err.String(), stdout, stderr)
	}
}

// golden runs commands and compares all they print with a file.
func (w *world) golden(name string, commands ...[]string) {
	w.t.Helper()
	var b strings.Builder
	for _, args := range commands {
		code := w.run(args...)
		fmt.Fprintf(&b, "$ p2prc %s\n%s", strings.Join(args, " "), w.out.String())
		for line := range strings.Lines(w.err.String()) {
			b.WriteString("2> " + line)
		}
		fmt.Fprintf(&b, "[exit %d]\n\n", code)
	}
	got := strings.NewReplacer(w.home, "$HOME", w.dir, "$DIR").Replace(b.String())
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			w.t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			w.t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		w.t.Fatal(err)
	}
	if got != string(want) {
		w.t.Errorf("%s differs (go test ./cli -update writes it anew):\n%s", file, got)
	}
}

func (w *world) file(name, text string) string {
	w.t.Helper()
	full := filepath.Join(w.dir, name)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
		w.t.Fatal(err)
	}
	return full
}

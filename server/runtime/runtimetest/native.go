package runtimetest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
)

func (s *suite) signals(t *testing.T) {
	b := s.open(t)
	for sig, want := range map[string]api.Exit{
		"9":  {Code: 137, Signal: "killed"},
		"15": {Code: 143, Signal: "terminated"},
		"11": {Code: 2}, // a Go program's own handler
	} {
		if r := b.run(t, "signal", sig); r.Exit.Code != want.Code || r.Exit.Signal != want.Signal || r.Exit.Limit != "" {
			t.Errorf("signal %s: %+v", sig, r.Exit)
		}
	}
}

func (s *suite) noSuchProgram(t *testing.T) {
	b := s.open(t)
	for _, c := range []struct {
		args []string
		code int
		msg  string
	}{
		{[]string{"no-such-program"}, 127, "no such program: no-such-program"},
		{[]string{"./missing"}, 127, "no such program"},
		{[]string{"/"}, 126, "not an executable"},
		{[]string{"./data"}, 126, "not an executable"},
		{[]string{"./script"}, 127, "interpreter"},
		{[]string{"./garbage"}, 126, "cannot execute"},
	} {
		cmd := runtime.Command{Args: c.args, Files: []runtime.File{
			file(t, "data", "x", 0o644), file(t, "script", "#!/no/such/interpreter\n", 0o755), file(t, "garbage", "\x00\x01garbage", 0o755)}}
		r := b.exec(t, cmd)
		if r.Exit.Code != c.code || !strings.Contains(r.Exit.Msg, c.msg) {
			t.Errorf("%q: %+v", c.args, r.Exit)
		}
	}
}

func file(t *testing.T, path, content string, mode uint32) runtime.File {
	t.Helper()
	src := filepath.Join(t.TempDir(), "blob")
	if err := os.WriteFile(src, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return runtime.File{Path: path, Source: src, Size: int64(len(content)), Mode: mode}
}

func (s *suite) shell(t *testing.T) {
	b := s.open(t)
	sh := func(script string) result {
		return b.exec(t, runtime.Command{Args: []string{"sh", "-c", script}, Outputs: []string{"*.out"}})
	}
	r := sh("echo $((6*7)) | tee x.out; echo t > $TMPDIR/t; cat $TMPDIR/t")
	if r.out != "42\nt\n" || r.files["x.out"] != "42\n" || !r.Exit.OK() {
		t.Errorf("%q %q %+v %s", r.out, r.files, r.Exit, r.err)
	}
	r = b.exec(t, runtime.Command{Args: []string{"sh", "-c", "ls $TMPDIR; ls -A"}})
	r.want(t, "")
	// A closed folder, a pipe and a changed directory hinder nobody afterwards.
	r = b.exec(t, runtime.Command{Args: []string{"sh", "-c", "mkdir -p shut/in; touch shut/in/f; mkfifo p.out; ln -s /etc/passwd l.out; chmod 0 shut; touch kept; chmod 0500 ."}, Outputs: []string{"**"}})
	r.want(t, "")
	if s.Closed { // else the agent may be a user whom no permission stops
		r.wantFiles(t, map[string]string{"kept": ""})
	}
	r = b.exec(t, runtime.Command{Args: []string{"sh", "-c", "ls -A; touch ok"}})
	r.want(t, "")
	// A background child does not hold its task up.
	start := time.Now()
	r = b.exec(t, runtime.Command{Args: []string{"sh", "-c", "sleep 1000 & echo started"}})
	r.want(t, "started\n")
	if time.Since(start) > 3*time.Second {
		t.Errorf("it took %v", time.Since(start))
	}
}

func (s *suite) forks(t *testing.T) {
	b := s.open(t, func(spec *runtime.Spec) { spec.MaxProcs = 50 })
	cmd := s.command("forks")
	cmd.Limits.Wall = within
	b.exec(t, cmd).wantLimit(t, api.LimitProcesses)
	b.onlyAgent(t)
	b.works(t)
}

func (s *suite) bomb(t *testing.T) {
	b := s.open(t, func(spec *runtime.Spec) { spec.MaxProcs = 100 })
	cmd := s.command("bomb")
	cmd.Limits.Wall = within
	b.exec(t, cmd).wantLimit(t, api.LimitProcesses)
	b.onlyAgent(t)
	b.works(t)
}

func (b *box) onlyAgent(t *testing.T) {
	t.Helper()
	eventually(t, "only the agent is left", 5*time.Second, func() bool {
		u, err := b.Usage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return u.Procs <= 1 // none, if the agent had to go too
	})
}

// orphan: what a task leaves in a session of its own dies with the task.
func (s *suite) orphan(t *testing.T) {
	b := s.open(t)
	if r := b.run(t, "orphan"); !r.Exit.OK() || r.out == "" {
		t.Fatalf("%+v %s", r.Exit, r.err)
	}
	b.onlyAgent(t)
	want := " guest"
	b.run(t, "list", ".").want(t, want)
}

// unlinked: a file without a name takes disk too.
func (s *suite) unlinked(t *testing.T) {
	b := s.open(t)
	cmd := s.command("unlinked", "256")
	cmd.Limits.Disk, cmd.Limits.Wall = 64<<20, within
	b.exec(t, cmd).wantLimit(t, api.LimitDisk)
}

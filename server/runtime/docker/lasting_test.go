package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/Akilan1999/p2p-rendering-computation/agent/near"
	"github.com/Akilan1999/p2p-rendering-computation/agent/session"
	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/localimage"
	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
	lasting "github.com/Akilan1999/p2p-rendering-computation/server/container"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime/runtimetest"
	wsession "github.com/Akilan1999/p2p-rendering-computation/wire/session"
)

// inside is a long-lived container and the lender's connection to its agent.
type inside struct {
	t *testing.T
	m *session.Mux
}

// made makes a container that ends with the test.
func made(t *testing.T, l Lasting, p lasting.Plan) inside {
	t.Helper()
	p.Borrower, p.Cap, p.MaxProcs = "12D3peer", api.Resources{CPU: 1, Memory: 64 << 20}, 100
	if err := l.Make(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Remove(context.WithoutCancel(t.Context()), p.ID); err != nil {
			t.Error(err)
		}
	})
	m, err := l.Sessions(t.Context(), p.ID)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return inside{t, m}
}

func (in inside) open() *wsession.Client {
	in.t.Helper()
	st, err := in.m.Open(in.t.Context())
	if err != nil {
		in.t.Fatal(err)
	}
	s := wsession.NewClient(st)
	in.t.Cleanup(func() { s.Close() })
	return s
}

// sh runs a script as user, who may be nobody in particular.
func (in inside) sh(user, script string) string {
	in.t.Helper()
	var out bytes.Buffer
	req := wsession.Request{User: user, Args: []string{"busybox", "sh", "-c", script}}
	if _, err := in.open().Exec(in.t.Context(), req, wsession.Streams{Stdout: &out, Stderr: &out}); err != nil {
		in.t.Fatalf("%s: %v", script, err)
	}
	return out.String()
}

// put copies one file in as user.
func (in inside) put(user, path string) error {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: "f", Typeflag: tar.TypeReg, Mode: 0o640, Size: 1}); err != nil {
		return err
	}
	if _, err := w.Write([]byte("x")); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return in.open().Put(in.t.Context(), wsession.Request{User: user, Path: path, Name: "f"}, &b)
}

const userImage = "p2prc-test/lasting-user:latest"

// The image's user is not root, and the agent is.
func TestImageUser(t *testing.T) {
	ring.Need(t, "docker", ring.Docker())
	r := newRuntime(t, runtimetest.BuildAgent(t), t.TempDir())
	r.near = time.Minute // a busy machine gives an agent little of itself
	makeImage(t, r.Engine, userImage, []string{"USER app", "WORKDIR /srv", "ENV COLOUR=blue"},
		localimage.File{Path: "etc/passwd", Content: []byte("root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n")},
		localimage.File{Path: "etc/group", Content: []byte("root:x:0:\napp:x:1000:\nextra:x:2000:app\n")})
	l := Lasting{r.Engine}
	in := made(t, l, lasting.Plan{ID: "01USER", Image: userImage,
		Command: []string{"busybox", "sh", "-c", "id; echo $HOME $PWD $COLOUR; echo again >/dev/stdout; busybox sleep 1000"}})
	t.Run("is whose all is done", func(t *testing.T) { imageUser(t, l, in) })
	t.Run("gets nothing of the agent", func(t *testing.T) { agentOutOfReach(t, in) })
	t.Run("is reached without the engine", func(t *testing.T) { agentNear(t, l, "01USER") })
}

// imageUser: main command, exec and cp are the image's user, with all that belongs
// to one; exec and cp are another where that is asked for.
func imageUser(t *testing.T, l Lasting, in inside) {
	const who = "uid=1000(app) gid=1000(app) groups=1000(app),2000(extra)\n/home/app /srv blue\nagain\n"
	const say = "id; echo $HOME $PWD $COLOUR; echo again >/dev/stdout"
	if out := in.sh("", say); out != who {
		t.Errorf("exec is %q", out)
	}
	main := watched{want: who, seen: make(chan struct{})}
	logs, stop := context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() { over <- l.Logs(logs, "01USER", true, 0, &main, &main) }()
	<-main.seen
	stop()
	<-over
	for user, want := range map[string]string{
		"root":  "uid=0(root) gid=0(root) groups=0(root)\n/root /srv blue\nagain\n",
		"7:8":   "uid=7 gid=8\n/ /srv blue\nagain\n",
		"app:8": "uid=1000(app) gid=8\n/home/app /srv blue\nagain\n",
	} {
		if out := in.sh(user, say); out != want {
			t.Errorf("exec -u %s is %q", user, out)
		}
	}
	in.sh("root", "mkdir -p /home/app && busybox chown app /home/app")
	if err := in.put("", "/home/app/own"); err != nil {
		t.Error(err)
	}
	if err := in.put("", "/srv/f"); api.KindOf(err) != api.KindDenied {
		t.Errorf("the user writes into a folder of root's: %v", err)
	}
	if err := in.put("root", "/srv/f"); err != nil {
		t.Error(err)
	}
	if out := in.sh("root", "busybox stat -c '%u:%g %a' /home/app/own /srv/f"); out != "1000:1000 640\n0:0 640\n" {
		t.Errorf("what was copied is %q", out)
	}
	if err := in.open().Get(t.Context(), wsession.Request{Path: "/srv/f"}, &bytes.Buffer{}); api.KindOf(err) != api.KindDenied {
		t.Errorf("the user reads a file of root's: %v", err)
	}
}

// agentOutOfReach: that the agent is root is of no use to a guest that is not.
func agentOutOfReach(t *testing.T, in inside) {
	if out := in.sh("", "busybox grep -E '^(Cap(Inh|Prm|Eff|Amb)|NoNewPrivs)' /proc/self/status"); out !=
		"CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\n" {
		t.Errorf("the user's rights:\n%s", out)
	}
	// No process of the agent's can be ended, looked into, or stood in for.
	out := in.sh("", `for p in /proc/[0-9]*; do
		test "$(busybox stat -c %u $p)" = 0 || continue
		kill -STOP ${p#/proc/} 2>/dev/null && echo stopped $p
		ls $p/fd/ 2>/dev/null && echo opened $p
		true 2>/dev/null >$p/mem && echo wrote $p
		roots="$roots x"
	done
	busybox touch /run/p2prc/x /run/p2prc/main.json.part 2>/dev/null && echo noted
	echo $roots`)
	if out != "x x x x\n" { // init, hold, session, supervise
		t.Errorf("the agent's processes: %q", out)
	}
}

// agentNear: what the agent offers to a lender on its machine was taken, where the
// lender may.
func agentNear(t *testing.T, l Lasting, id api.ContainerID) {
	want := fs.ErrNotExist
	if os.Getuid() != 0 {
		want = fs.ErrPermission
	}
	got, err := l.api.ContainerTop(t.Context(), l.on(id), client.ContainerTopOptions{Arguments: []string{"-eo", "pid,args"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range got.Processes {
		if !strings.Contains(p[1], "agent "+session.ModeSession) {
			continue
		}
		if _, err := os.Readlink("/proc/" + p[0] + "/fd/" + itoa(near.FD)); !errors.Is(err, want) {
			t.Errorf("what the agent offers: %v, want %v", err, want)
		}
		return
	}
	t.Errorf("no agent among %v", got.Processes)
}

// watched tells when what was written is all there.
type watched struct {
	bytes.Buffer
	want string
	seen chan struct{}
}

func (w *watched) Write(p []byte) (int, error) {
	n, err := w.Buffer.Write(p)
	if w.String() == w.want {
		close(w.seen)
	}
	return n, err
}

// What was built for containers, and what older programs left, goes when nobody
// needs it any more; what is other nodes' stays.
func TestTidy(t *testing.T) {
	ring.Need(t, "docker", ring.Docker())
	r := newRuntime(t, runtimetest.BuildAgent(t), t.TempDir())
	makeImage(t, r.Engine, testImage, nil)
	l := Lasting{r.Engine}
	var folder bytes.Buffer
	w := tar.NewWriter(&folder)
	text := []byte("FROM " + testImage + "\nENV BUILT=" + string(r.cfg.Node) + "\n")
	if err := w.WriteHeader(&tar.Header{Name: "Dockerfile", Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(text))}); err != nil {
		t.Fatal(err)
	}
	w.Write(text)
	w.Close()
	var said []string
	id, err := l.Build(t.Context(), &folder, api.Resources{CPU: 1, Memory: 64 << 20}, func(line string) { said = append(said, line) })
	if err != nil || len(said) == 0 {
		t.Fatal(err, said)
	}
	for node, name := range map[api.PeerID]string{r.cfg.Node: "p2prc-test-old", "another": "p2prc-test-other"} {
		if _, err := r.api.VolumeCreate(t.Context(), client.VolumeCreateOptions{Name: name, Labels: map[string]string{labelAgent: "old", LabelNode: string(node)}}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.removeVolume(context.Background(), name) }) //nolint:errcheck // it may be gone
	}
	has := func(image, old, other bool) {
		t.Helper()
		_, err := r.api.ImageInspect(t.Context(), id)
		_, oldErr := r.api.VolumeInspect(t.Context(), "p2prc-test-old", client.VolumeInspectOptions{})
		_, otherErr := r.api.VolumeInspect(t.Context(), "p2prc-test-other", client.VolumeInspectOptions{})
		if (err == nil) != image || (oldErr == nil) != old || (otherErr == nil) != other {
			t.Errorf("image: %v, old volume: %v, another node's: %v", err, oldErr, otherErr)
		}
	}
	in := made(t, l, lasting.Plan{ID: "01TIDY", Image: id, Command: []string{"busybox", "sleep", "1000"}})
	tidy := func(later time.Duration) {
		t.Helper()
		if err := l.Tidy(t.Context(), time.Now().Add(later)); err != nil {
			t.Error(err)
		}
	}
	has(true, true, true)
	tidy(2 * builtKept)
	has(true, false, true) // a container uses the image
	if out := in.sh("", "echo $BUILT"); out != string(r.cfg.Node)+"\n" {
		t.Errorf("in the container: %q", out)
	}
	all, err := r.List(t.Context())
	if err != nil || slices.ContainsFunc(all, func(i api.Image) bool { return string(i.ID) == id }) {
		t.Errorf("a built image stands among those of the owner: %v", err)
	}
	if err := l.Remove(t.Context(), "01TIDY"); err != nil {
		t.Fatal(err)
	}
	tidy(builtKept / 2)
	has(true, false, true)
	tidy(2 * builtKept)
	has(false, false, true)
}

package docker

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/Akilan1999/p2p-rendering-computation/agent/near"
	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/localimage"
	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime/runtimetest"
)

// run executes one command in a sandbox of its own and answers with its output.
func run(t *testing.T, r *Runtime, image string, args ...string) (string, api.Exit) {
	t.Helper()
	sb, err := r.Open(t.Context(), runtime.Spec{ID: "01RUN", Lease: "01LEASE", Borrower: "peer", Image: image})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	res, err := sb.Exec(t.Context(), runtime.Command{Args: args}, runtime.Streams{Stdout: &out, Stderr: &out})
	if err != nil {
		t.Error(err)
	}
	if err := sb.Close(t.Context()); err != nil {
		t.Error(err)
	}
	return out.String(), res.Exit
}

// Images differ in what they bring: nothing but one program, a user, variables, a
// working directory, an entrypoint that ends at once.
func TestImages(t *testing.T) {
	ring.Need(t, "docker", ring.Docker())
	r := newRuntime(t, runtimetest.BuildAgent(t), t.TempDir())
	prog, err := os.ReadFile(runtimetest.Build(t, false))
	if err != nil {
		t.Fatal(err)
	}
	const scratch, plain, user = "p2prc-test/scratch:latest", "p2prc-test/plain:latest", "p2prc-test/user:latest"
	if err := localimage.Make(t.Context(), r.api, scratch, nil, localimage.File{Path: "prog", Content: prog}); err != nil {
		t.Fatal(err)
	}
	makeImage(t, r.Engine, plain, nil)
	makeImage(t, r.Engine, user, []string{"USER 1234", "ENV COLOUR=blue", "WORKDIR /bin", `ENTRYPOINT ["/bin/true"]`, `CMD ["x"]`, "HEALTHCHECK CMD touch /tmp/checked", "VOLUME /data"})
	if out, exit := run(t, r, scratch, "/prog", "echo", "from scratch"); out != "from scratch\n" || !exit.OK() {
		t.Errorf("scratch: %q %+v", out, exit)
	}
	odd := []string{"a  b", "'", `"`, "$(reboot)", "`id`", "new\nline", "-v", "/:/host", ";", "&&", "\\"}
	if out, exit := run(t, r, plain, append([]string{"echo"}, odd...)...); out != strings.Join(odd, " ")+"\n" || !exit.OK() {
		t.Errorf("odd arguments: %q %+v", out, exit)
	}
	if out, _ := run(t, r, plain, "sh", "-c", "id -u; id -g; touch /x 2>/dev/null || echo closed; touch /tmp/x x && echo open"); out != "65534\n65534\nclosed\nopen\n" {
		t.Errorf("an image that names no user: %q", out)
	}
	if out, _ := run(t, r, user, "sh", "-c", `id -u; echo $COLOUR $P2PRC_WORKDIR; touch $P2PRC_WORKDIR/x 2>/dev/null || echo closed`); out != "1234\nblue /bin\nclosed\n" {
		t.Errorf("an image with user, environment and working directory: %q", out)
	}
	if out, _ := run(t, r, user, "sh", "-c", `cd "$P2PRC_WORKDIR" && exec sh -c 'pwd; cd "$OLDPWD" && touch out && pwd'`); out != "/bin\n/.p2prc/work/tasks/task\n" {
		t.Errorf("from the task's directory to the image's and back: %q", out)
	}
	for name, want := range map[string]api.Kind{"p2prc-test/none-such": api.KindUnsupported, "$(x)": api.KindInvalid} {
		if _, err := r.Open(t.Context(), runtime.Spec{ID: "01RUN", Image: name}); api.KindOf(err) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	left(t, r)
}

// left asserts that nothing of the node is on the engine.
func left(t *testing.T, r *Runtime) {
	t.Helper()
	found, err := r.api.ContainerList(t.Context(), client.ContainerListOptions{All: true, Filters: r.mine(KindTask)})
	if err != nil {
		t.Fatal(err)
	}
	volumes, err := r.volumes(t.Context(), func(labels map[string]string) bool { return labels[LabelKind] == KindTask })
	if err != nil {
		t.Fatal(err)
	}
	if len(found.Items)+len(volumes) > 0 {
		t.Errorf("left: %+v %+v", found.Items, volumes)
	}
}

// What a container is made with, as the engine has it.
func TestHardening(t *testing.T) {
	ring.Need(t, "docker", ring.Docker())
	r := newRuntime(t, runtimetest.BuildAgent(t), t.TempDir())
	makeImage(t, r.Engine, testImage, nil)
	spec := runtime.Spec{ID: "01HARD", Lease: "01LEASE", Borrower: "12D3peer", Image: testImage, MaxProcs: 10, Cap: api.Resources{CPU: 0.5, Memory: 256 << 20}}
	sb, err := r.Open(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	defer sb.Close(context.Background()) //nolint:errcheck // closed below
	got, err := r.api.ContainerInspect(t.Context(), r.name(spec.ID), client.ContainerInspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	h, labels := got.Container.HostConfig, got.Container.Config.Labels
	switch {
	case h.Privileged || len(h.Binds) > 0 || len(h.CapAdd) > 0 || len(h.Devices) > 0 || h.PidMode != "" || h.UTSMode != "":
		t.Errorf("it was given something: %+v", h)
	case !h.ReadonlyRootfs || h.NetworkMode != "none" || len(h.CapDrop) != 1 || h.CapDrop[0] != "ALL" || h.SecurityOpt[0] != "no-new-privileges":
		t.Errorf("it is open: %+v", h)
	case h.Memory != 320<<20 || h.MemorySwap != h.Memory || h.NanoCPUs != 5e8 || *h.PidsLimit != 72:
		t.Errorf("its caps: memory %d, with swap %d, cpu %d, pids %d", h.Memory, h.MemorySwap, h.NanoCPUs, *h.PidsLimit)
	case labels[LabelNode] != string(r.cfg.Node) || labels[LabelBorrower] != "12D3peer" || labels[LabelLease] != "01LEASE" || labels[LabelSandbox] != "01HARD":
		t.Errorf("its labels: %v", labels)
	}
	for _, m := range got.Container.Mounts {
		if m.Type == "bind" || m.Destination == agentDir && m.RW {
			t.Errorf("mount %+v", m)
		}
	}
	if err := sb.Close(t.Context()); err != nil {
		t.Error(err)
	}
	left(t, r)
}

// A container that somebody removes behind our back is a lost sandbox, and the
// next command gets a new one.
func TestRemovedBehindOurBack(t *testing.T) {
	ring.Need(t, "docker", ring.Docker())
	r := newRuntime(t, runtimetest.BuildAgent(t), t.TempDir())
	makeImage(t, r.Engine, testImage, nil)
	sb, err := r.Open(t.Context(), runtime.Spec{ID: "01BACK", Image: testImage})
	if err != nil {
		t.Fatal(err)
	}
	began := make(chan struct{})
	go func() {
		<-began
		if _, err := r.api.ContainerRemove(context.Background(), r.name("01BACK"), client.ContainerRemoveOptions{Force: true}); err != nil {
			t.Error(err)
		}
	}()
	cmd := runtime.Command{Args: []string{"sh", "-c", "echo begun; sleep 1000"}}
	if _, err := sb.Exec(t.Context(), cmd, runtime.Streams{Stdout: begins(func() { close(began) })}); api.KindOf(err) != api.KindLost {
		t.Errorf("exec ended with %v", err)
	}
	if res, err := sb.Exec(t.Context(), runtime.Command{Args: []string{"true"}}, runtime.Streams{}); err != nil || !res.Exit.OK() {
		t.Errorf("afterwards: %+v %v", res.Exit, err)
	}
	if err := sb.Close(t.Context()); err != nil {
		t.Error(err)
	}
	left(t, r)
}

// An agent on this machine is spoken to without the engine, where the lender may trace
// it; what it runs cannot get at that way, also as the user that the agent is.
func TestNearAgent(t *testing.T) {
	ring.Need(t, "docker", ring.Docker())
	r := newRuntime(t, runtimetest.BuildAgent(t), t.TempDir())
	prog, err := os.ReadFile(runtimetest.Build(t, false))
	if err != nil {
		t.Fatal(err)
	}
	const image = "p2prc-test/near:latest"
	if err := localimage.Make(t.Context(), r.api, image, []string{"USER 0"}, localimage.File{Path: "prog", Content: prog}); err != nil {
		t.Fatal(err)
	}
	sb, err := r.Open(t.Context(), runtime.Spec{ID: "01NEAR", Image: image})
	if err != nil {
		t.Fatal(err)
	}
	defer sb.Close(context.Background()) //nolint:errcheck // closed below
	got, err := r.api.ContainerInspect(t.Context(), r.name("01NEAR"), client.ContainerInspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	attack := runtime.Command{Args: []string{"/prog", "attack", "1"}}
	var out bytes.Buffer
	if res, err := sb.Exec(t.Context(), attack, runtime.Streams{Stdout: &out}); err != nil || !res.Exit.OK() || strings.Contains(out.String(), "TOOK") {
		t.Errorf("%q %+v %v", out.String(), res.Exit, err)
	}
	pid := got.Container.State.Pid
	if here(pid, got.Container.ID) == nil { // not under gVisor, nor where the engine is elsewhere
		want := fs.ErrNotExist
		if os.Getuid() != 0 {
			want = fs.ErrPermission
		}
		if _, err := os.Readlink("/proc/" + itoa(pid) + "/fd/" + itoa(near.FD)); !errors.Is(err, want) {
			t.Errorf("what the agent offers: %v, want %v", err, want)
		}
	}
	if err := sb.Close(t.Context()); err != nil {
		t.Error(err)
	}
	left(t, r)
}

// begins calls a function with the first write.
type begins func()

func (f begins) Write(p []byte) (int, error) { f(); return len(p), nil }

// Several nodes share an engine: each removes its own.
func TestRecoverLeavesOthersAlone(t *testing.T) {
	ring.Need(t, "docker", ring.Docker())
	agent := runtimetest.BuildAgent(t)
	a, b := newRuntime(t, agent, t.TempDir()), newRuntime(t, agent, t.TempDir())
	makeImage(t, a.Engine, testImage, nil)
	for _, r := range []*Runtime{a, b} {
		sb, err := r.Open(t.Context(), runtime.Spec{ID: "01SAME", Image: testImage})
		if err != nil {
			t.Fatal(err)
		}
		defer sb.Close(context.Background()) //nolint:errcheck // gone already
	}
	next := NewRuntime(a.Engine) // a's node after a kill -9
	if _, err := next.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	left(t, a)
	if got, err := b.api.ContainerInspect(t.Context(), b.name("01SAME"), client.ContainerInspectOptions{}); err != nil || !got.Container.State.Running {
		t.Errorf("the other node's container: %v", err)
	}
}

// Probe says what is missing, and how to get it.
func TestProbeWithoutEngine(t *testing.T) {
	e, err := New(Config{Host: "unix://" + filepath.Join(t.TempDir(), "none.sock"), Agent: []string{"true"}})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	start := time.Now()
	info, err := NewRuntime(e).Probe(t.Context())
	if err != nil || info.Available || len(info.Missing) != 1 || !strings.Contains(info.Missing[0], "no container engine answers at unix://") || !strings.Contains(info.Missing[0], "start docker") {
		t.Errorf("%+v %v", info, err)
	}
	if _, err := NewRuntime(e).Recover(t.Context()); err != nil {
		t.Errorf("recover without an engine: %v", err)
	}
	if time.Since(start) > 5*time.Second {
		t.Errorf("it took %v", time.Since(start))
	}
	if _, err := New(Config{Host: "nonsense"}); api.KindOf(err) != api.KindInvalid {
		t.Errorf("an address that is none: %v", err)
	}
}

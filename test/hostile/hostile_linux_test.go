package hostile

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/netlab"
)

// What root keeps in a long-lived container, as docs/containers.md lists it:
// CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, NET_BIND_SERVICE.
const lastingRights = "4fb"

func TestHostileGuests(t *testing.T) {
	l := newLender(t)
	l.ok("lend", "limits", "--cpus", "8", "--max-processes", "64")
	l.ok("lend", "policy", "allow", "*", "network:filtered")
	l.ok("container", "create", "self", "--image", image, "--network", "filtered", "--name", "other", "--", "/guest", "serve")
	l.ok(slices.Concat([]string{"container", "create", "self", "--image", image, "--network", "filtered", "--name", "lasting"}, l.env(), []string{"--env", "TMPDIR=/", "--env", "RIGHTS=" + lastingRights, "--", "/guest", "serve"})...)
	inTask := func(network string) func(...string) string {
		return func(args ...string) string {
			out, errs, code := l.task([]string{"--network", network, "--env", "RIGHTS=0"}, args...)
			if code != 0 {
				t.Errorf("exit %d: %s%s", code, out, errs)
			}
			return out
		}
	}
	lasting := func(args ...string) string {
		return l.ok(slices.Concat([]string{"container", "exec", "lasting", "--", "/guest"}, args)...)
	}
	t.Run("a task", func(t *testing.T) { tries(t, inTask("none")("try")) })
	t.Run("root in a long-lived container", func(t *testing.T) { tries(t, lasting("try")) })
	t.Run("these attacks are real", func(t *testing.T) { l.with(t).control() })

	other := strings.Fields(l.ok("container", "logs", "other"))
	if len(other) != 2 {
		t.Fatalf("the other guest has the addresses %v", other)
	}
	t.Run("a task without a network", func(t *testing.T) {
		reached(t, inTask("none"), "cut-off", slices.Concat(netlab.Internet, netlab.Hidden, netlab.Machine, other))
	})
	for name, run := range map[string]func(...string) string{"a task with a filtered network": inTask("filtered"), "a container with a filtered network": lasting} {
		t.Run(name, func(t *testing.T) {
			reached(t, run, "greeted", netlab.Internet)
			reached(t, run, "refused", slices.Concat([]string{netlab.LAN}, netlab.Hidden, netlab.Machine, other))
			reached(t, run, "", []string{"224.0.0.251", "255.255.255.255", "fe80::1%eth0", "ff02::fb%eth0"})
		})
	}
	t.Run("bounds", func(t *testing.T) { l.with(t).bombs() })
	t.Run("holders", func(t *testing.T) { l.with(t).holders() })
	t.Run("lend kill", func(t *testing.T) { l.with(t).killed() })
}

// tries holds each line of what a guest tried against the table in SECURITY.md.
func tries(t *testing.T, out string) {
	t.Helper()
	doc, err := os.ReadFile("../../SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(out) {
		name, outcome, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if outcome != "denied" {
			t.Errorf("%s: %s", name, outcome)
		}
		if !bytes.Contains(doc, []byte("| "+name+" |")) {
			t.Errorf("SECURITY.md has no row for %s", name)
		}
		n++
	}
	if n < 36 {
		t.Errorf("%d attacks were tried:\n%s", n, out)
	}
}

// control lets the guest do the same as the machine's own root: an attack that is
// denied there as well would show nothing.
func (l *lender) control() {
	t := l.t
	asRoot := func(args ...string) string {
		cmd := exec.Command(l.guest, args...)
		cmd.Env = append(l.vars(), "RIGHTS=0", "TMPDIR="+t.TempDir(), "AGENT="+strconv.Itoa(l.node.Process.Pid))
		// What it mounts and renames is its own.
		cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Cloneflags: syscall.CLONE_NEWUTS}
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		l.In("host", cmd.Start)
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %s", err, out.String())
		}
		return out.String()
	}
	var cannot []string // not even root, here
	if _, err := os.Stat("/proc/kcore"); err != nil {
		cannot = append(cannot, "the machine's memory")
	}
	for line := range strings.Lines(asRoot("try")) {
		name, outcome, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if outcome == "denied" && !slices.Contains(cannot, name) {
			t.Errorf("%s is denied to the machine's own root", name)
		}
	}
	reached(t, asRoot, "greeted", slices.Concat([]string{netlab.LAN}, netlab.Internet, netlab.Hidden, netlab.Machine))
}

// reached has a guest greet port 80 of every address by TCP and UDP, and compares
// each outcome; want is empty where it is enough that nobody greets.
func reached(t *testing.T, run func(...string) string, want string, addrs []string) {
	t.Helper()
	args := []string{"reach"}
	for _, a := range addrs {
		args = append(args, net.JoinHostPort(a, "80"))
	}
	out := run(args...)
	if n := strings.Count(out, "\n"); n != 2*len(addrs) {
		t.Errorf("%d outcomes of %d:\n%s", n, 2*len(addrs), out)
	}
	for line := range strings.Lines(out) {
		if f := strings.Fields(line); len(f) != 3 || f[2] == "greeted" && want == "" || f[2] != want && want != "" {
			t.Errorf("want %s: %s", want, line)
		}
	}
}

// bombs end by a limit, and the machine is as it was.
func (l *lender) bombs() {
	for what, limit := range map[string]string{"fork": "processes", "memory": "memory", "disk": "disk", "files": "disk", "stdout": "output"} {
		l.t.Run(what, func(t *testing.T) {
			l := l.with(t)
			memory := "128MiB"
			if what == "fork" {
				memory = "1GiB" // so that it is not the first to run out
			}
			_, errs, code := l.task([]string{"--memory", memory, "--disk", "8MiB", "--max-output", "4MiB"}, what)
			if code == 0 || !strings.Contains(errs, "hit its "+limit+" limit") {
				t.Errorf("exit %d: %s", code, errs)
			}
			l.usable()
		})
	}
	l.t.Run("shm", func(t *testing.T) {
		out, errs, code := l.with(t).task([]string{"--memory", "512MiB"}, "shm")
		if code != 0 || out != "/tmp 64 MiB\n/dev/shm 64 MiB\n/dev 0 MiB\n" {
			t.Errorf("exit %d: %s%s", code, out, errs)
		}
	})
	l.t.Run("orphans", func(t *testing.T) {
		l := l.with(t)
		if out, errs, code := l.task(nil, "orphans"); code != 0 {
			t.Errorf("exit %d: %s%s", code, out, errs)
		}
		l.usable()
	})
	for _, what := range []string{"fork", "memory", "stdout"} {
		l.t.Run(what+" in a long-lived container", func(t *testing.T) {
			l := l.with(t)
			l.ok("container", "create", "self", "--image", image, "--name", what, "--memory", "128MiB", "--cpus", "0.3", "--", "/guest", what)
			if _, errs, code := l.task(nil, "reach"); code != 0 {
				t.Errorf("an honest task beside it: exit %d\n%s", code, errs)
			}
			l.kill(what)
			l.ok("container", "rm", what)
			l.usable()
		})
	}
}

// promised is how long an owner waits for the machine.
const promised = 5 * time.Second

// kill has the owner kill a container by its name: nothing of it is left in time.
func (l *lender) kill(name string) {
	l.t.Helper()
	boxes, err := l.api.Sandboxes(context.Background())
	i := slices.IndexFunc(boxes, func(b api.Sandbox) bool { return b.JobName == name })
	if err != nil || i < 0 {
		l.t.Fatalf("%s is not among %+v, %v", name, boxes, err)
	}
	began := time.Now()
	l.ok("lend", "kill", string(boxes[i].ID))
	if took := time.Since(began); took > promised {
		l.t.Errorf("killing %s took %v", name, took)
	}
	found := client.ContainerListOptions{All: true, Filters: make(client.Filters).Add("label", "p2prc.sandbox="+string(boxes[i].ID))}
	if left, err := l.engine.ContainerList(context.Background(), found); err != nil || len(left.Items) != 0 {
		l.t.Errorf("left of %s on the engine: %+v, %v", name, left.Items, err)
	}
}

// killed is what the owner does about guests that do everything at once.
func (l *lender) killed() {
	t := l.t
	job := strings.TrimSpace(l.ok("run", "-d", "--cpus", "0.3", "--image", image, "--network", "filtered", "--", "/guest", "rage"))
	l.ok("container", "create", "self", "--image", image, "--network", "filtered", "--name", "raging", "--cpus", "0.3", "--", "/guest", "rage")
	var ids []string
	l.eventually(20*time.Second, "rage in both", func() error {
		boxes, err := l.api.Sandboxes(context.Background())
		if err != nil {
			return err
		}
		ids = nil
		for _, b := range boxes {
			if b.State == "running" && b.Memory > 64<<20 {
				ids = append(ids, string(b.ID))
			}
		}
		if len(ids) != 2 {
			return io.ErrNoProgress
		}
		return nil
	})
	for _, id := range ids {
		began := time.Now()
		l.ok("lend", "kill", id)
		if took := time.Since(began); took > promised {
			t.Errorf("killing %s took %v", id, took)
		}
	}
	l.ok("job", "cancel", job)
	left, err := l.engine.ContainerList(t.Context(), client.ContainerListOptions{All: true})
	if err != nil || len(left.Items) != 0 {
		t.Errorf("left on the engine: %v %+v", err, left.Items)
	}
	l.usable()
}

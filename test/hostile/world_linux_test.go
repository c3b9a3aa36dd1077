// Package hostile lets a stranger's code loose on a lending node: real processes
// and a real container engine, in namespaces that stand for the lender's machine
// and for all that is round it. What must hold is said in SECURITY.md; the table
// there has a row for each attack.
package hostile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/localimage"
	"github.com/Akilan1999/p2p-rendering-computation/internal/netlab"
)

// image holds the guest's program alone.
const image = "p2prc-test/hostile:latest"

// lender is a machine that lends, with a stranger's image on its engine.
type lender struct {
	*netlab.World
	t      *testing.T
	engine *client.Client
	binary string
	guest  string // the program in the image
	home   string
	secret string // a file of the machine's
	node   *running
	api    *api.Client
}

// running is the node's process, the same for all copies of a lender: one of them may
// start it anew.
type running struct{ *exec.Cmd }

func newLender(t *testing.T) *lender {
	t.Helper()
	l := &lender{World: netlab.NewWorld(t), t: t, node: &running{}}
	dir, err := os.MkdirTemp("", "p2prc-hostile-") // a test's own is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	l.binary, l.guest, l.home, l.secret = filepath.Join(dir, "p2prc"), filepath.Join(dir, "guest"), filepath.Join(dir, "home"), filepath.Join(dir, "secret")
	for out, pkg := range map[string]string{l.binary: "../../cmd/p2prc", l.guest: "./guest"} {
		build := exec.Command("go", "build", "-o", out, pkg)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if b, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", build, err, b)
		}
	}
	program, err := os.ReadFile(l.guest)
	if err = errors.Join(err, os.WriteFile(l.secret, []byte("secret"), 0o644)); err != nil {
		t.Fatal(err)
	}
	if l.engine, err = client.New(client.WithHost(l.Engine)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.engine.Close() })
	if err := localimage.Make(t.Context(), l.engine, image, nil, localimage.File{Path: "guest", Content: program}); err != nil {
		t.Fatal(err)
	}
	// A network of the owner's whose addresses are public is for the owner to name.
	for _, kv := range [][2]string{{"name", "lender"}, {"mdns", "false"}, {"lend.docker.refuse", "2a01:4f8:1:2::/64"}} {
		l.ok("config", "set", kv[0], kv[1])
	}
	l.up()
	t.Cleanup(func() { l.down() })
	return l
}

// with is l for a subtest.
func (l *lender) with(t *testing.T) *lender {
	sub := *l
	sub.t = t
	return &sub
}

// up starts the node on the lender's machine.
func (l *lender) up() {
	l.t.Helper()
	log, err := os.OpenFile(filepath.Join(filepath.Dir(l.home), "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		l.t.Fatal(err)
	}
	defer log.Close()
	l.node.Cmd = l.command("up")
	l.node.Stdout, l.node.Stderr = log, log
	l.In("host", l.node.Start)
	l.api = api.NewClient(filepath.Join(l.home, "p2prc.sock"))
	l.eventually(30*time.Second, "lend containers", func() error {
		st, err := l.api.Lend(context.Background())
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(st.Runtimes, func(r api.RuntimeInfo) bool { return r.Name == api.RuntimeDocker && r.Available }) {
			return fmt.Errorf("%+v", st)
		}
		return nil
	})
}

func (l *lender) down() {
	_ = l.node.Process.Signal(syscall.SIGTERM)
	_ = l.node.Wait() // it was told to end
	l.api.Close()
	if b, err := os.ReadFile(filepath.Join(filepath.Dir(l.home), "log")); err == nil && l.t.Failed() {
		l.t.Logf("log of the node:\n%s", b[max(0, len(b)-6000):])
	}
}

func (l *lender) command(args ...string) *exec.Cmd {
	cmd := exec.Command(l.binary, args...)
	cmd.Env = append(os.Environ(), "P2PRC="+l.home, "DOCKER_HOST="+l.Engine, "NO_COLOR=1")
	return cmd
}

// cmd runs p2prc on the lender's home.
func (l *lender) cmd(args ...string) (out, errs string, code int) {
	l.t.Helper()
	cmd := l.command(args...)
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		l.t.Fatal(err)
	}
	return o.String(), e.String(), cmd.ProcessState.ExitCode()
}

func (l *lender) ok(args ...string) string {
	l.t.Helper()
	out, errs, code := l.cmd(args...)
	if code != 0 {
		l.t.Fatalf("p2prc %s: exit %d\n%s%s", strings.Join(args, " "), code, out, errs)
	}
	return out
}

// task has the guest do something as a task.
func (l *lender) task(flags []string, args ...string) (out, errs string, code int) {
	l.t.Helper()
	return l.cmd(slices.Concat([]string{"run", "--image", image}, l.env(), flags, []string{"--", "/guest"}, args)...)
}

// env tells the guest what there is outside; it knows its enemy.
func (l *lender) env() (flags []string) {
	for _, v := range l.vars() {
		flags = append(flags, "--env", v)
	}
	return flags
}

func (l *lender) vars() []string {
	return []string{"NODE=" + strconv.Itoa(l.node.Process.Pid), "HOME_OF_NODE=" + l.home, "ENGINE=" + strings.TrimPrefix(l.Engine, "unix://"), "SECRET=" + l.secret}
}

func (l *lender) eventually(limit time.Duration, what string, f func() error) {
	l.t.Helper()
	end := time.Now().Add(limit)
	for {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			l.t.Fatalf("it did not %s within %v: %v", what, limit, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// owns tells whether a process has this lender's secret: other tests have guests, too.
func (l *lender) owns(proc string) bool {
	b, err := os.ReadFile(filepath.Join(proc, "environ"))
	return err == nil && slices.Contains(strings.Split(string(b), "\x00"), "SECRET="+l.secret)
}

// usable fails the test unless the machine still does honest work, and nothing
// of the guests is left on it.
func (l *lender) usable() {
	l.t.Helper()
	l.eventually(10*time.Second, "be rid of the guest's processes", func() error {
		all, err := filepath.Glob("/proc/[0-9]*/cmdline")
		for _, name := range all {
			b, rerr := os.ReadFile(name)
			args := strings.Split(string(b), "\x00")
			if rerr == nil && len(args) > 1 && l.owns(filepath.Dir(name)) && (args[0] == "/guest" && args[1] != "serve" || args[0] == "/proc/self/exe" && args[1] == "spin") {
				return fmt.Errorf("%s is %q", name, b)
			}
		}
		return err
	})
	if out, errs, code := l.task(nil, "reach"); code != 0 || out != "" {
		l.t.Errorf("an honest task afterwards: exit %d\n%s%s", code, out, errs)
	}
}

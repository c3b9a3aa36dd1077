//go:build unix

package multi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// lasting are a node's long-lived containers on the engine.
func lasting(t *testing.T, c *client.Client, node api.PeerID) []string {
	t.Helper()
	got, err := c.ContainerList(context.Background(), client.ContainerListOptions{All: true,
		Filters: make(client.Filters).Add("label", "p2prc.node="+string(node), "p2prc.kind=container")})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, s := range got.Items {
		ids = append(ids, s.ID)
	}
	return ids
}

func (n *node) container(name string) (api.Container, error) {
	all, err := n.api.Containers(context.Background())
	if err != nil {
		return api.Container{}, err
	}
	if i := slices.IndexFunc(all, func(c api.Container) bool { return c.Name == name }); i >= 0 {
		return all[i], nil
	}
	return api.Container{}, errors.New("it is not listed")
}

// A container on another machine, from create to rm, with a kill -9 of its
// lender in the middle: it is adopted with what it has used, and its port answers
// where it did.
func TestContainer(t *testing.T) {
	c := engine(t)
	all := pool(t, "a", "b")
	a, b := all[0], all[1]
	if out := a.ok("container", "create", "b", "--image", busybox, "--name", "web", "--cpus", "0.4", "--publish", "8000", "--",
		"busybox", "sh", "-c", "echo said; busybox mkdir /www; echo hello > /www/index.html; exec busybox httpd -f -p 8000 -h /www"); out != "web\n" {
		t.Errorf("create printed %q", out)
	}
	made, err := a.container("web")
	if err != nil || len(made.Ports) != 1 {
		t.Fatalf("%+v, %v", made, err)
	}
	fetch := func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, "GET", "http://"+made.Ports[0].Address+"/", nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if body, _ := io.ReadAll(resp.Body); string(body) != "hello\n" {
			return errors.New("it served " + string(body))
		}
		return nil
	}
	a.eventually(10*time.Second, "reach the published port", fetch)

	words := []string{"a b", "$(id)", "'\"", "l1\nl2", "-v", "/:/host"}
	if out := a.ok(append([]string{"container", "exec", "web", "--", "busybox", "echo"}, words...)...); out != strings.Join(words, " ")+"\n" {
		t.Errorf("words came as %q", out)
	}
	if _, errs, code := a.cmd("container", "exec", "web", "sh", "-c", "echo oops >&2; exit 7"); code != 7 || errs != "oops\n" {
		t.Errorf("exit %d, %q", code, errs)
	}
	if _, errs, code := a.cmd("container", "exec", "nosuch", "true"); code != 125 || !strings.Contains(errs, `no container "nosuch"`) {
		t.Errorf("exit %d, %q", code, errs)
	}
	if out := a.ok("container", "exec", "-t", "web", "sh", "-c", "test -t 0 && test -t 1 && busybox stty size"); strings.TrimSpace(out) != "24 80" {
		t.Errorf("terminal: %q", out)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "a file")
	if err := os.WriteFile(file, []byte("content"), 0o640); err != nil {
		t.Fatal(err)
	}
	a.ok("container", "cp", dir, "web:/www/tree")
	a.ok("container", "exec", "web", "--", "busybox", "ln", "-s", "/etc/passwd", "/www/tree/link")
	if _, errs, code := a.cmd("container", "cp", "web:/www/tree", filepath.Join(dir, "back")); code != 0 || !strings.Contains(errs, "link") {
		t.Errorf("cp out: exit %d, %q", code, errs)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "back", "a file")); err != nil || string(got) != "content" {
		t.Errorf("copied %q, %v", got, err)
	}
	if out := a.ok("container", "logs", "web"); out != "said\n" {
		t.Errorf("logs %q", out)
	}

	b.eventually(10*time.Second, "see what it used", func(context.Context) error {
		if boxes := sandboxes(t, b); len(boxes) != 1 || boxes[0].CPUTime == 0 {
			return errors.New("not yet")
		}
		return nil
	})
	a.ok("container", "stop", "web")
	a.ok("container", "start", "web")
	before, err := a.container("web")
	if err != nil || before.State != api.ContainerRunning || before.Use.CPUTime == 0 {
		t.Fatalf("%+v, %v", before, err)
	}
	on := lasting(t, c, b.id())
	b.kill()
	b.up()
	a.eventually(20*time.Second, "find it adopted", func(ctx context.Context) error {
		now, err := a.container("web")
		if err != nil || now.State != api.ContainerRunning {
			return errors.Join(err, errors.New(string(now.State)+" "+now.Reason))
		}
		if now.Use.CPUTime < before.Use.CPUTime {
			t.Errorf("used %v before and %v after", before.Use.CPUTime, now.Use.CPUTime)
		}
		return fetch(ctx)
	})
	if now := lasting(t, c, b.id()); !slices.Equal(now, on) {
		t.Errorf("containers %v became %v", on, now)
	}
	a.ok("container", "rm", "web")
	if left := lasting(t, c, b.id()); len(left) > 0 {
		t.Errorf("%d containers are left", len(left))
	}
}

// Whoever goes away, what an exec started is dead within five seconds.
func TestContainerExecDiesWithItsClient(t *testing.T) {
	engine(t)
	all := pool(t, "a", "b")
	a, b := all[0], all[1]
	a.ok("container", "create", "b", "--image", busybox, "--name", "box", "--cpus", "0.5")
	count := func() string {
		return strings.TrimSpace(a.ok("container", "exec", "box", "--", "sh", "-c", "busybox ps | busybox grep -c 'sleep 100[0-9]' || true"))
	}
	run := func() *exec.Cmd {
		cmd := exec.Command(binary, "container", "exec", "box", "--", "sh", "-c",
			"trap '' HUP TERM INT; busybox setsid busybox sleep 1001 & (busybox setsid busybox sleep 1002 &) ; busybox sleep 1003")
		cmd.Env = a.env()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		a.eventually(15*time.Second, "have it running", func(context.Context) error {
			if n := count(); n != "5" && n != "3" && n != "4" { // grep and its shell may be seen too
				return errors.New(n)
			}
			return nil
		})
		return cmd
	}
	gone := func(what string) {
		a.eventually(5*time.Second, "be rid of it after "+what, func(context.Context) error {
			if n := count(); n != "0" && n != "1" && n != "2" {
				return errors.New(n + " are left")
			}
			return nil
		})
	}
	cmd := run()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it says "killed"
	gone("the client's end")
	cmd = run()
	b.kill()
	_ = cmd.Wait() // its session broke
	b.up()
	a.eventually(20*time.Second, "reach it again", func(context.Context) error {
		_, errs, code := a.cmd("container", "exec", "box", "true")
		if code != 0 {
			return errors.New(errs)
		}
		return nil
	})
	gone("the lender's end")
	a.ok("container", "rm", "box")
}

// Members that are offline, or revoked, keep nobody waiting: each container of a group
// has its own result, and sessions end with what they were in, or with the right to it.
func TestSessionsOfMembersThatGo(t *testing.T) {
	engine(t)
	all := pool(t, "a", "b", "c")
	a, b, c := all[0], all[1], all[2]
	for name, on := range map[string]string{"one": "b", "two": "c"} {
		a.ok("container", "create", on, "--image", busybox, "--name", name, "--cpus", "0.3")
	}
	b.ok("container", "create", "c", "--image", busybox, "--name", "three", "--cpus", "0.3")
	a.ok("group", "create", "both", "one", "two")
	half := func(why string) {
		t.Helper()
		out, errs, code := a.cmd("container", "exec", "both", "--", "echo", "hi")
		if code != 125 || out != "one: hi\n" || !strings.Contains(errs, "one: ok\n") || !strings.Contains(errs, "two: error: ") {
			t.Errorf("%s: exit %d, %q, %q", why, code, out, errs)
		}
		if _, errs, code := a.cmd("ssh", "two", "true"); code != 125 || !strings.Contains(errs, "error: ") {
			t.Errorf("%s: ssh: exit %d, %q", why, code, errs)
		}
	}

	s := a.ssh("one")
	a.ok("container", "stop", "one")
	if code := s.ends(); code != 125 {
		t.Errorf("in a container that was stopped a session ended with %d", code)
	}
	a.ok("container", "start", "one")
	in := a.ssh("two")
	c.kill()
	if code := in.ends(); code != 125 {
		t.Errorf("at a lender that is gone a session ended with %d", code)
	}
	half("offline")
	c.up()
	a.eventually(20*time.Second, "reach it again", func(context.Context) error {
		if _, errs, code := a.cmd("container", "exec", "two", "true"); code != 0 {
			return errors.New(errs)
		}
		return nil
	})

	lent, borrowed := a.ssh("one"), b.ssh("three")
	a.ok("members", "revoke", "b")
	if code := lent.ends(); code != 125 {
		t.Errorf("at a lender that was revoked a session ended with %d", code)
	}
	if code := borrowed.ends(); code != 125 {
		t.Errorf("of a borrower that was revoked a session ended with %d", code)
	}
	for n, name := range map[*node]string{a: "one", b: "three"} {
		if out, errs, code := n.cmd("ssh", name, "true"); code != 125 {
			t.Errorf("after that: exit %d, %q", code, out+errs)
		}
	}
	c.eventually(5*time.Second, "have taken away what the revoked member had", func(context.Context) error {
		if boxes := sandboxes(t, c); len(boxes) != 1 || boxes[0].JobName != "two" {
			return fmt.Errorf("%+v", boxes)
		}
		return nil
	})
}

// What cannot be is said, and leaves nothing behind.
func TestContainerBadInput(t *testing.T) {
	c := engine(t)
	all := pool(t, "a", "b")
	a, b := all[0], all[1]
	a.ok("container", "create", "b", "--image", busybox, "--name", "one", "--cpus", "0.1")
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"--image", "p2prc-test/none-such"}, "is not on this machine"},
		{[]string{"--image", "-v /:/host"}, "is not an image's name"},
		{[]string{"--image", busybox, "--name", "one"}, "called one already"},
		{[]string{"--image", busybox, "--name", "$(reboot)"}, "cannot be the name"},
		{[]string{"--image", busybox, "--publish", "0"}, "between 1 and 65535"},
		{[]string{"--image", busybox, "--publish", "65536"}, "between 1 and 65535"},
		{[]string{"--image", busybox, "--memory", "1000GiB"}, "more than this node lends"},
		{[]string{"--image", busybox, "--ttl", "0"}, "must live for some time"},
		{[]string{"--image", busybox, "--ttl", "9000h"}, "longer than this node lends"},
		{[]string{"--image", busybox, "--gpus", "1"}, "lends 0"},
		{[]string{"--template", "nosuch"}, "no template"},
		{[]string{}, "one of them"},
	} {
		_, errs, code := a.cmd(append([]string{"container", "create", "b", "--cpus", "0.1"}, tt.args...)...)
		if code == 0 || !strings.Contains(errs, tt.want) {
			t.Errorf("%q: exit %d, %q, want %q", tt.args, code, errs, tt.want)
		}
	}
	if n := len(lasting(t, c, b.id())); n != 1 {
		t.Errorf("%d containers, want the one that was good", n)
	}
	if _, errs, code := a.cmd("container", "create", "b", "--cpus", "0.1", "--image", busybox, "--name", "ends", "--", "/no/such"); code != 0 {
		t.Errorf("a main command that is none: exit %d, %q", code, errs)
	}
	a.eventually(10*time.Second, "see the main command ended", func(context.Context) error {
		got, err := a.container("ends")
		if err != nil || got.Main == nil || !got.Main.Ended || got.Main.Exit.Code != 127 {
			return errors.Join(err, errors.New("not yet"))
		}
		return nil
	})
	// What lower limits would take away is asked for first.
	if _, errs, code := b.cmd("lend", "limits", "--cpus", "0.15"); code != 2 || !strings.Contains(errs, "ends ") || strings.Contains(errs, "one ") || !strings.Contains(errs, "take 1 container away") {
		t.Errorf("lend limits: exit %d, %q", code, errs)
	}
	if n := len(lasting(t, c, b.id())); n != 2 {
		t.Errorf("%d containers are left", n)
	}
	b.ok("lend", "limits", "--cpus", "0.15", "--yes")
	if got, err := a.container("ends"); err != nil || got.State != api.ContainerGone {
		t.Errorf("%+v, %v", got, err)
	}
	a.ok("container", "rm", "one", "ends")
	if n := len(lasting(t, c, b.id())); n != 0 {
		t.Errorf("%d containers are left", n)
	}
}

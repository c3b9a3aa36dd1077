package hostile

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/client"

	"github.com/Akilan1999/p2p-rendering-computation/internal/netlab"
)

// onEngine is what the engine has, by name: running or not.
func (l *lender) onEngine() map[string]string {
	l.t.Helper()
	got, err := l.engine.ContainerList(context.Background(), client.ContainerListOptions{All: true})
	if err != nil {
		l.t.Fatal(err)
	}
	all := map[string]string{}
	for _, c := range got.Items {
		all[strings.TrimPrefix(c.Names[0], "/")] = c.ID + " " + string(c.State)
	}
	return all
}

// holder is the one of the only guest that has one.
func (l *lender) holder() (id, state string) {
	l.t.Helper()
	for name, is := range l.onEngine() {
		if strings.HasSuffix(name, "-net") {
			id, state, _ = strings.Cut(is, " ")
		}
	}
	return id, state
}

// holders live as long as their guests, whatever becomes of guest and node, and
// nobody has a network that the table does not give.
func (l *lender) holders() {
	t := l.t
	for _, name := range []string{"other", "lasting"} {
		l.ok("container", "rm", name)
	}
	if _, errs, code := l.task([]string{"--network", "open"}, "reach"); code != 125 || !strings.Contains(errs, "it gives no guest network open") {
		t.Errorf("a task on a network that nobody gives: exit %d\n%s", code, errs)
	}
	_, errs, code := l.cmd("container", "create", "self", "--image", image, "--network", "open")
	if code != 11 || !strings.Contains(errs, "does not let your containers have network open") || !strings.Contains(errs, "hint: its owner can: p2prc lend policy allow YOU network:open") {
		t.Errorf("a container on a network that is not given: exit %d\n%s", code, errs)
	}

	filtered := func() {
		t.Helper()
		run := func(args ...string) string {
			return l.ok(slices.Concat([]string{"container", "exec", "held", "--", "/guest"}, args)...)
		}
		reached(t, run, "greeted", netlab.Internet[:1])
		reached(t, run, "refused", []string{netlab.LAN, netlab.Machine[0]})
	}
	l.ok("container", "create", "self", "--image", image, "--network", "filtered", "--name", "held", "--publish", "80", "--", "/guest", "serve")
	filtered()
	first, _ := l.holder()
	l.ok("container", "stop", "held")
	if _, state := l.holder(); state != "exited" {
		t.Errorf("the holder of a stopped container is %s", state)
	}
	l.ok("container", "start", "held")
	if id, state := l.holder(); id != first || state != "running" {
		t.Errorf("after a start the holder is %s, %s", id, state)
	}
	filtered()
	made, err := l.api.Containers(t.Context())
	if err != nil || len(made) != 1 || len(made[0].Ports) != 1 || made[0].Network != "filtered" {
		t.Fatalf("%+v, %v", made, err)
	}
	l.In("host", func() error {
		return netlab.Greet("tcp", fmt.Sprintf("127.0.0.1:%d", made[0].Ports[0].Outside), 5*time.Second)
	})

	if err := l.node.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = l.node.Wait() // it says "killed"
	l.up()
	l.eventually(20*time.Second, "adopt the container", func() error {
		made, err := l.api.Containers(context.Background())
		if err != nil || len(made) != 1 || made[0].State != "running" {
			return fmt.Errorf("%+v, %v", made, err)
		}
		return nil
	})
	if id, state := l.holder(); id != first || state != "running" {
		t.Errorf("after kill -9 of the node the holder is %s, %s", id, state)
	}
	filtered()

	l.ok("lend", "policy", "rm", "1", "--yes")
	if left := l.onEngine(); len(left) > 0 {
		t.Errorf("the network was taken back, and this is left: %v", left)
	}
	l.ok("container", "rm", "held")
	l.ok("lend", "policy", "allow", "role:admin", "network:filtered")
	l.ok("container", "create", "self", "--image", image, "--network", "filtered", "--name", "lost", "--", "/guest", "serve")
	for name := range l.onEngine() {
		if !strings.HasSuffix(name, "-net") {
			if _, err := l.engine.ContainerRemove(t.Context(), name, client.ContainerRemoveOptions{Force: true}); err != nil {
				t.Fatal(err)
			}
		}
	}
	l.eventually(10*time.Second, "remove the holder of a container that was removed behind its back", func() error {
		if left := l.onEngine(); len(left) > 0 {
			return fmt.Errorf("%v", left)
		}
		return nil
	})
	l.ok("container", "rm", "lost")

	l.ok("container", "create", "self", "--image", image, "--network", "filtered", "--name", "ended", "--", "/guest", "serve")
	for name := range l.onEngine() {
		if !strings.HasSuffix(name, "-net") {
			if _, err := l.engine.ContainerKill(t.Context(), name, client.ContainerKillOptions{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	l.eventually(10*time.Second, "stop the holder of a container that ended", func() error {
		if _, state := l.holder(); state != "exited" {
			return fmt.Errorf("it is %s", state)
		}
		return nil
	})
	l.ok("container", "rm", "ended")
}

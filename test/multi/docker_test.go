//go:build unix

package multi

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/localimage"
	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
)

const busybox = "p2prc-test/multi:latest"

// engine is the container engine that all nodes of a test share, with the image.
func engine(t *testing.T) *client.Client {
	t.Helper()
	ring.Need(t, "docker", ring.Docker())
	c, err := client.New(client.FromEnv)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	files, err := localimage.Busybox()
	if err != nil {
		t.Fatal(err)
	}
	if err := localimage.Make(t.Context(), c, busybox, nil, files...); err != nil {
		t.Fatal(err)
	}
	return c
}

// ownEngine starts an engine of the test's own, which can be stopped and started.
func ownEngine(t *testing.T) (start, stop func()) {
	t.Helper()
	ring.Need(t, "docker", ring.Docker())
	if os.Getuid() != 0 {
		t.Skip("an engine of one's own needs root")
	}
	dir, err := os.MkdirTemp("", "p2prc-engine-")
	if err != nil {
		t.Fatal(err)
	}
	sock := filepath.Join(dir, "sock")
	t.Setenv("DOCKER_HOST", "unix://"+sock)
	var d *exec.Cmd
	stop = func() {
		if d == nil {
			return
		}
		if err := d.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		_ = d.Wait() // how it ends does not matter
		d = nil
	}
	t.Cleanup(func() {
		stop()
		os.RemoveAll(dir)
	})
	start = func() {
		t.Helper()
		log, err := os.Create(filepath.Join(dir, "log"))
		if err != nil {
			t.Fatal(err)
		}
		defer log.Close()
		d = exec.Command("dockerd", "--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"), "-p", filepath.Join(dir, "pid"),
			"-H", "unix://"+sock, "--bridge=none", "--iptables=false", "--ip6tables=false")
		d.Stdout, d.Stderr = log, log
		if err := d.Start(); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(time.Minute); ring.Docker() != ""; <-time.After(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				b, _ := os.ReadFile(log.Name())
				t.Fatalf("the engine does not answer:\n%s", tail(b, 2000))
			}
		}
	}
	start()
	return start, stop
}

// An engine that stops in the middle of a job and starts again costs no task a
// retry and leaves nothing behind.
func TestEngineStopsAndStarts(t *testing.T) {
	start, stop := ownEngine(t)
	c := engine(t)
	n := pool(t, "a")[0]
	self := n.id()
	id := n.echoes(20, `sleep 0.3; echo "$1"`)
	n.waitJob(id, time.Minute, func(j api.Job) bool { return j.Tasks.Done > 0 })
	stop()
	start()
	n.checkEchoes(id, 20)
	n.eventually(30*time.Second, "be rid of its containers", func(context.Context) error {
		if left := containers(t, c, self); len(left) > 0 {
			return fmt.Errorf("%d are left", len(left))
		}
		return nil
	})
}

// containers lists what a node has on the engine.
func containers(t *testing.T, c *client.Client, node api.PeerID) []string {
	t.Helper()
	found, err := c.ContainerList(context.Background(), client.ContainerListOptions{All: true, Filters: make(client.Filters).Add("label", "p2prc.node="+string(node))})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, f := range found.Items {
		ids = append(ids, f.ID)
	}
	return ids
}

// echoes submits tasks that print their number, in containers of busybox.
func (n *node) echoes(tasks int, script string, on ...api.PeerID) api.JobID {
	n.t.Helper()
	job, err := n.api.SubmitJob(context.Background(), api.JobSpec{Image: busybox, On: on, Command: []string{"sh", "-c", script, "sh", "task-{n}"},
		Each: []api.Axis{{Name: "n", From: 1, To: int64(tasks)}}})
	if err != nil {
		n.t.Fatal(err)
	}
	return job.ID
}

// checkEchoes demands each task's output exactly once, and no retry spent.
func (n *node) checkEchoes(id api.JobID, tasks int) (byPeer map[api.PeerID]int) {
	n.t.Helper()
	job := n.waitJob(id, 2*time.Minute, ended)
	if job.State != api.JobDone {
		n.t.Fatalf("job ended %s: %s", job.State, job.Reason)
	}
	seen := map[api.TaskID]bool{}
	byPeer = map[api.PeerID]int{}
	err := n.api.Results(context.Background(), id, func(task api.Task) error {
		if got, want := string(task.Stdout.Inline), fmt.Sprintf("task-%d\n", int64(task.ID)+1); got != want || seen[task.ID] || task.Failures != 0 {
			return fmt.Errorf("task %d printed %q: %+v", task.ID, got, task)
		}
		seen[task.ID] = true
		byPeer[task.Peer]++
		return nil
	})
	if err != nil || len(seen) != tasks {
		n.t.Fatalf("%d results of %d tasks, %v", len(seen), tasks, err)
	}
	return byPeer
}

// Two nodes lend one engine: tasks run on both, and nothing is left. One is killed
// while it works, and a container is removed behind the other's back: each task
// still has one result, and when the killed one is back nothing has no owner.
func TestContainersOfTwoLenders(t *testing.T) {
	c := engine(t)
	all := pool(t, "a", "b")
	a, b := all[0], all[1]
	ids := []api.PeerID{a.id(), b.id()}
	id := a.echoes(ring.Size(200, 2000), `echo "$1"; sleep 0.02`)
	if by := a.checkEchoes(id, ring.Size(200, 2000)); len(by) != 2 {
		t.Errorf("tasks ran on %d nodes: %v", len(by), by)
	}
	nothingLeft := func() {
		t.Helper()
		for i, n := range all {
			n.eventually(20*time.Second, "be rid of its containers", func(context.Context) error {
				if left := containers(t, c, ids[i]); len(left) > 0 {
					return fmt.Errorf("%d are left", len(left))
				}
				return nil
			})
		}
	}
	nothingLeft()

	id = a.echoes(60, `sleep 0.2; echo "$1"`)
	a.eventually(30*time.Second, "run containers on both", func(context.Context) error {
		if len(containers(t, c, ids[0])) == 0 || len(containers(t, c, ids[1])) == 0 {
			return fmt.Errorf("not yet")
		}
		return nil
	})
	b.kill()
	if victims := containers(t, c, ids[0]); len(victims) > 0 {
		a.eventually(20*time.Second, "lose a container", func(ctx context.Context) error {
			_, err := c.ContainerRemove(ctx, victims[0], client.ContainerRemoveOptions{Force: true})
			if cerrdefs.IsNotFound(err) { // it has ended meanwhile, or the engine, busy with its removal, refused at first
				return nil
			}
			return err
		})
	}
	b.up()
	a.checkEchoes(id, 60)
	nothingLeft()
}

// What cannot run is said, and by whom.
func TestImageThatIsNowhere(t *testing.T) {
	engine(t)
	n := pool(t, "a")[0]
	job, err := n.api.SubmitJob(context.Background(), api.JobSpec{Image: "p2prc-test/none-such", Command: []string{"true"}})
	if err != nil {
		t.Fatal(err)
	}
	n.eventually(20*time.Second, "say why the job waits", func(ctx context.Context) error {
		why, err := n.api.WhyJob(ctx, job.ID)
		if err != nil {
			return err
		}
		for _, p := range why.Peers {
			if p.Peer == n.id() && p.Reason != "" {
				if want := "image p2prc-test/none-such is not on this machine"; !strings.Contains(p.Reason, want) {
					return fmt.Errorf("it says %q", p.Reason)
				}
				return nil
			}
		}
		return fmt.Errorf("%+v", why)
	})
	for _, bad := range []string{"$(reboot)", "-v", "a b", "x\ny"} {
		if _, errs, code := n.cmd("run", "--image", bad, "--", "true"); code == 0 {
			t.Errorf("image %q was taken: %s", bad, errs)
		}
	}
}

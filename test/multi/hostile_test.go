//go:build unix

package multi

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
)

// Tasks that take more than they may are ended, told apart from tasks that
// failed, and leave the node as it was.
func TestTasksThatMisbehave(t *testing.T) {
	n := pool(t, "a")[0]
	wasm := func(args ...string) []string { return append([]string{guest}, args...) }
	for _, tc := range []struct {
		name string
		args []string
		code int
		errs string
	}{
		{"exits 137", wasm("exit", "137"), 137, ""},
		{"never ends", append([]string{"--timeout", "500ms"}, wasm("spin", "x")...), 137, "error: the task failed: hit its wall_time limit"},
		{"prints 1 GB", wasm("print", "1024"), 137, "error: the task failed: hit its output limit"},
		{"allocates 8 GiB", wasm("alloc", "8192"), 2, "error: the task failed: hit its memory limit"},
		{"links out of its directory", append([]string{"--out", "out.txt"}, wasm("link", "../../etc/passwd")...), 125, `output "out.txt" is a link`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			started := time.Now()
			errs, code := n.cmdTo(nil, append([]string{"run"}, tc.args...)...)
			if code != tc.code || !strings.Contains(errs, tc.errs) {
				t.Errorf("exit %d, want %d with %q:\n%s", code, tc.code, tc.errs, tail([]byte(errs), 2000))
			}
			if took := time.Since(started); took > 30*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
	if out := n.ok("run", guest, "0", "still here"); out != "still here\n" {
		t.Errorf("afterwards: %q", out)
	}
}

// The same without WebAssembly: programs of the machine.
func TestProcessesThatMisbehave(t *testing.T) {
	ring.Need(t, "isolation", ring.Probe()["isolation"])
	n := pool(t, "a")[0]
	n.ok("lend", "limits", "--runtimes", "process", "--max-processes", "40")
	n.ok("lend", "policy", "allow", "self", "process")
	for _, tc := range []struct{ name, script, limit string }{
		{"never ends", `trap "" TERM INT HUP; setsid sleep 31536000 & while :; do :; done`, "wall_time"},
		{"prints without end", `cat /dev/zero`, "output"},
		{"allocates without end", `tail /dev/zero`, "memory"},
		{"forks without end", `sh -c "while :; do sleep 31536000 & done"; while :; do :; done`, "processes"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			wall := "2s"
			if tc.limit != "wall_time" {
				wall = "1m"
			}
			errs, code := n.cmdTo(nil, "run", "--runtime", "process", "--timeout", wall, "--", "sh", "-c", tc.script)
			if want := "error: the task failed: hit its " + tc.limit + " limit"; code != 137 || !strings.Contains(errs, want) {
				t.Errorf("exit %d, want 137 with %q:\n%s", code, want, tail([]byte(errs), 2000))
			}
		})
	}
	n.eventually(10*time.Second, "be rid of all that was started", func(context.Context) error {
		left, err := exec.Command("pgrep", "-f", "^sleep 31536000$").Output()
		if err == nil {
			return fmt.Errorf("still running: %s", left)
		}
		return nil
	})
	if out := n.ok("run", "--runtime", "process", "--", "echo", "still here"); out != "still here\n" {
		t.Errorf("afterwards: %q", out)
	}
}

// A folder of very many small files arrives whole; one more than the limit is
// refused before anything is sent.
func TestFolderOfManyFiles(t *testing.T) {
	all := pool(t, "a", "b")
	dir := filepath.Join(t.TempDir(), "many")
	add := func(from, to int) {
		t.Helper()
		for i := from; i < to; i++ {
			sub := filepath.Join(dir, fmt.Sprint(i/500))
			if i%500 == 0 || i == from {
				if err := os.MkdirAll(sub, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(filepath.Join(sub, fmt.Sprint(i)), fmt.Append(nil, i), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	files := ring.Size(1_000, 50_000)
	add(0, files)
	started := time.Now()
	if out := all[0].ok("run", "--on", "b", "--in", dir, guest, "count", "many"); out != fmt.Sprintln(files) {
		t.Errorf("%s of %d files arrived", out, files)
	}
	t.Logf("%d files took %v", files, time.Since(started))
	if files == 50_000 {
		add(files, 100_001)
		if _, errs, code := all[0].cmd("run", "--on", "b", "--in", dir, guest, "count", "many"); code != 125 || !strings.Contains(errs, "kind: too_large") {
			t.Errorf("exit %d, want 125:\n%s", code, errs)
		}
	}
}

// small starts a node whose home is a small file system of its own, in the
// pool of inviter, and returns it with a way to fill that file system up to a
// MiB, and to make room again.
func small(t *testing.T, inviter *node, name string) (n *node, fill, free func()) {
	t.Helper()
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		ring.Need(t, "isolation", "no unshare")
	}
	ring.Need(t, "isolation", ring.Probe()["isolation"])
	token := strings.TrimSpace(inviter.ok("invite"))
	n = newNode(t, name)
	n.proc = exec.Command(unshare, "--user", "--map-root-user", "--mount", "sh", "-ec",
		`mount -t tmpfs -o size=256m none "$P2PRC"; cd /; "$0" join "$1"; exec "$0" up`, binary, token)
	n.proc.Env = append(n.env(), "P2PRC_NAME="+name, "P2PRC_HOSTS=127.0.0.1", "P2PRC_MDNS=off")
	n.proc.Stdout, n.proc.Stderr = n.log, n.log
	if err := n.proc.Start(); err != nil {
		t.Fatal(err)
	}
	n.home = fmt.Sprintf("/proc/%d/root%s", n.proc.Process.Pid, n.home)
	n.api = api.NewClient(filepath.Join(n.home, "p2prc.sock"))
	n.eventually(20*time.Second, "answer", func(ctx context.Context) error {
		_, err := n.api.Status(ctx)
		return err
	})
	filler := filepath.Join(n.home, "filler")
	fill = func() {
		f, err := os.Create(filler)
		if err != nil {
			t.Fatal(err)
		}
		block := make([]byte, 1<<20)
		for err == nil {
			_, err = f.Write(block)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filler)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(filler, info.Size()-1<<20); err != nil {
			t.Fatal(err)
		}
	}
	return n, fill, func() {
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
	}
}

// fills submits tasks that leave 4 MiB each.
func (n *node) fills(tasks int, on ...api.PeerID) api.JobID {
	n.t.Helper()
	f, err := os.Open(guest)
	if err != nil {
		n.t.Fatal(err)
	}
	defer f.Close()
	blob, err := n.api.PutBlob(context.Background(), f)
	if err != nil {
		n.t.Fatal(err)
	}
	job, err := n.api.SubmitJob(context.Background(), api.JobSpec{Runtime: api.RuntimeWasm, Module: blob.ID, On: on,
		Command: []string{"guest", "fill", "{n}"}, Each: []api.Axis{{Name: "n", From: 1, To: int64(tasks)}}, Outputs: []string{"out.txt"}})
	if err != nil {
		n.t.Fatal(err)
	}
	return job.ID
}

// checkFilled demands each task's file once, and no retry spent.
func (n *node) checkFilled(id api.JobID, tasks int) {
	n.t.Helper()
	seen := map[api.BlobID]bool{}
	err := n.api.Results(context.Background(), id, func(task api.Task) error {
		if task.State != api.TaskDone || task.Failures != 0 || len(task.Files) != 1 || task.Files[0].Size != 4<<20 {
			return fmt.Errorf("task %d: %+v", task.ID, task)
		}
		seen[task.Files[0].Blob] = true
		return nil
	})
	if err != nil || len(seen) != tasks {
		n.t.Errorf("%d different files of %d tasks, %v", len(seen), tasks, err)
	}
}

// A lender whose disk is full fails, not the tasks: they run elsewhere, or wait.
func TestLenderWithFullDisk(t *testing.T) {
	all := pool(t, "a", "b")
	lender, fill, free := small(t, all[0], "full")
	all[0].seesAlive(10*time.Second, 3)
	fill()
	id := all[0].fills(8)
	if job := all[0].waitJob(id, time.Minute, ended); job.State != api.JobDone {
		t.Fatalf("job ended %s: %s", job.State, job.Reason)
	}
	all[0].checkFilled(id, 8)
	// Nowhere else to go: it waits until there is room.
	id = all[0].fills(3, lender.id())
	all[0].eventually(30*time.Second, "say what the job waits for", func(ctx context.Context) error {
		why, err := all[0].api.WhyJob(ctx, id)
		if err != nil {
			return err
		}
		for _, p := range why.Peers {
			if p.Peer == lender.id() && strings.Contains(p.Reason, "no free disk") {
				return nil
			}
		}
		return fmt.Errorf("%+v", why)
	})
	free()
	if job := all[0].waitJob(id, time.Minute, ended); job.State != api.JobDone {
		t.Fatalf("job ended %s: %s", job.State, job.Reason)
	}
	all[0].checkFilled(id, 3)
}

// A borrower whose disk is full cannot take results: its lenders keep them until
// there is room.
func TestBorrowerWithFullDisk(t *testing.T) {
	all := pool(t, "a")
	borrower, fill, free := small(t, all[0], "full")
	borrower.seesAlive(10*time.Second, 2)
	f, err := os.CreateTemp(t.TempDir(), "input")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(16<<20), f.Close()); err != nil {
		t.Fatal(err)
	}
	id := borrower.fills(1, all[0].id()) // the module is there before the disk is full
	if job := borrower.waitJob(id, time.Minute, ended); job.State != api.JobDone {
		t.Fatalf("job ended %s: %s", job.State, job.Reason)
	}
	fill()
	_, errs, code := borrower.cmd("run", "--each", "n=1-2", "--in", f.Name(), guest, "0", "x")
	if code != 1 || !strings.Contains(errs, "error: write a blob: the disk is full") || !strings.Contains(errs, "hint: ") {
		t.Errorf("exit %d, want 1:\n%s", code, errs)
	}
	job, err := borrower.api.Job(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	spec := job.Spec
	spec.Each[0].To = 4
	again, err := borrower.api.SubmitJob(context.Background(), spec)
	if err != nil {
		t.Fatal(err)
	}
	borrower.waitJob(again.ID, 30*time.Second, func(j api.Job) bool { return strings.Contains(j.Reason, "no space left") })
	free()
	if job := borrower.waitJob(again.ID, time.Minute, ended); job.State != api.JobDone {
		t.Fatalf("job ended %s: %s", job.State, job.Reason)
	}
	borrower.checkFilled(again.ID, 4)
}

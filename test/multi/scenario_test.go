//go:build unix

package multi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
)

// submit uploads the guest and submits one task per number from 1 to n, each
// sleeping for ms milliseconds, on any node or some.
func (n *node) submit(tasks, ms int, on ...api.PeerID) api.JobID {
	n.t.Helper()
	ctx := context.Background()
	f, err := os.Open(guest)
	if err != nil {
		n.t.Fatal(err)
	}
	defer f.Close()
	blob, err := n.api.PutBlob(ctx, f)
	if err != nil {
		n.t.Fatal(err)
	}
	job, err := n.api.SubmitJob(ctx, api.JobSpec{
		Runtime: api.RuntimeWasm, Module: blob.ID,
		Command: []string{"guest", fmt.Sprint(ms), "task-{n}"},
		Each:    []api.Axis{{Name: "n", From: 1, To: int64(tasks)}},
		Outputs: []string{"out.txt"},
		On:      on,
	})
	if err != nil {
		n.t.Fatal(err)
	}
	return job.ID
}

// waitJob waits until the job says what until asks for.
func (n *node) waitJob(id api.JobID, limit time.Duration, until func(api.Job) bool) api.Job {
	n.t.Helper()
	var last api.Job
	n.eventually(limit, "get job "+string(id)+" there", func(ctx context.Context) error {
		j, err := n.api.Job(ctx, id)
		if err != nil {
			return err
		}
		last = j.Job
		if !until(last) {
			return fmt.Errorf("%s, %+v, nodes %+v, %s", last.State, last.Tasks, last.Nodes, last.Reason)
		}
		return nil
	})
	return last
}

func ended(j api.Job) bool { return j.State.Terminal() }

// checkResults demands each of the tasks' results exactly once, with its own
// content in stdout and in its file, and no retry spent.
func (n *node) checkResults(id api.JobID, tasks int) (byPeer map[api.PeerID]int) {
	n.t.Helper()
	ctx := context.Background()
	seen := map[api.TaskID]bool{}
	byPeer = map[api.PeerID]int{}
	err := n.api.Results(ctx, id, func(task api.Task) error {
		want := fmt.Sprintf("task-%d", int64(task.ID)+1)
		if seen[task.ID] {
			return fmt.Errorf("task %d has two results", task.ID)
		}
		seen[task.ID] = true
		byPeer[task.Peer]++
		if task.State != api.TaskDone || task.Failures != 0 {
			return fmt.Errorf("task %d: %+v", task.ID, task)
		}
		if got := string(task.Stdout.Inline); got != want+"\n" {
			return fmt.Errorf("task %d printed %q", task.ID, got)
		}
		if len(task.Files) != 1 || task.Files[0].Path != "out.txt" {
			return fmt.Errorf("task %d left %+v", task.ID, task.Files)
		}
		r, _, err := n.api.GetBlob(ctx, task.Files[0].Blob)
		if err != nil {
			return err
		}
		defer r.Close()
		if b, err := io.ReadAll(r); err != nil || string(b) != want {
			return fmt.Errorf("out.txt of task %d holds %q, %v", task.ID, b, err)
		}
		return nil
	})
	if err != nil {
		n.t.Fatal(err)
	}
	if len(seen) != tasks {
		n.t.Fatalf("%d results, want %d", len(seen), tasks)
	}
	return byPeer
}

func TestArrayRunsOnAllThree(t *testing.T) {
	all := pool(t, "a", "b", "c")
	all[0].eventually(30*time.Second, "hear that all lend", func(ctx context.Context) error {
		peers, err := all[0].api.Peers(ctx)
		lend := 0
		for _, p := range peers {
			if slices.ContainsFunc(p.Runtimes, func(r api.RuntimeInfo) bool { return r.Name == api.RuntimeWasm && r.Available && r.Enabled }) {
				lend++
			}
		}
		if err == nil && lend != len(all) {
			err = fmt.Errorf("%d do", lend)
		}
		return err
	})
	for _, n := range all { // one that has compiled the guest is not late for its share
		all[0].waitJob(all[0].submit(1, 0, n.id()), time.Minute, ended)
	}
	id := all[0].submit(60, 50)
	job := all[0].waitJob(id, time.Minute, ended)
	if job.State != api.JobDone {
		t.Fatalf("job ended %s: %s", job.State, job.Reason)
	}
	if by := all[0].checkResults(id, 60); len(by) != 3 {
		t.Errorf("tasks ran on %d nodes: %v", len(by), by)
	}
}

func TestStrangerIsRefusedAndCounted(t *testing.T) {
	all := pool(t, "a", "b")
	stranger := newNode(t, "stranger").up()
	status, err := all[1].api.Status(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	_, errs, code := stranger.cmd("peers", "add", hostPort(t, status.Addrs))
	if code != api.KindDenied.ExitCode() || !strings.Contains(errs, "error: ") || !strings.Contains(errs, "hint: ") {
		t.Errorf("exit %d, want %d with error and hint:\n%s", code, api.KindDenied.ExitCode(), errs)
	}
	all[1].eventually(5*time.Second, "count the stranger", func(ctx context.Context) error {
		s, err := all[1].api.Status(ctx)
		if err == nil && s.Counters["refused_strangers"] == 0 {
			err = fmt.Errorf("counters: %v", s.Counters)
		}
		return err
	})
	if log, err := os.ReadFile(all[1].log.Name()); err != nil || !strings.Contains(string(log), string(stranger.id())) {
		t.Errorf("the refusal of %s is not in the log (%v)", stranger.id(), err)
	}
	all[0].seesAlive(10*time.Second, 2)
	if peers, err := stranger.api.Peers(context.Background()); err != nil || len(peers) != 1 {
		t.Errorf("the stranger knows %+v, %v", peers, err)
	}
}

// hostPort finds 127.0.0.1:port in a node's TCP multiaddrs.
func hostPort(t *testing.T, addrs []string) string {
	t.Helper()
	for _, a := range addrs {
		parts := strings.Split(a, "/") // "", ip4, 127.0.0.1, tcp, port
		if len(parts) >= 5 && parts[1] == "ip4" && parts[3] == "tcp" {
			return parts[2] + ":" + parts[4]
		}
	}
	t.Fatalf("no TCP address in %v", addrs)
	return ""
}

func TestKillOneOfThreeLenders(t *testing.T) {
	all := pool(t, "a", "b", "c")
	tasks := 300
	id := all[0].submit(tasks, ring.Size(30, 100))
	all[0].waitJob(id, time.Minute, func(j api.Job) bool { return j.Tasks.Done >= int64(tasks/4) })
	all[2].kill()
	if job := all[0].waitJob(id, 2*time.Minute, ended); job.State != api.JobDone {
		t.Fatalf("job ended %s: %s", job.State, job.Reason)
	}
	all[0].checkResults(id, tasks)
}

func TestKillTheBorrower(t *testing.T) {
	killTheBorrower(t, func(*node) {})
}

// What took its port says nothing to the lenders that try to reach it there.
func TestKillTheBorrowerAndTakeItsPort(t *testing.T) {
	killTheBorrower(t, func(n *node) {
		at := "127.0.0.1:" + n.port
		ln, err := net.Listen("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ln.Close() })
		pc, err := net.ListenPacket("udp", at)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { pc.Close() })
	})
}

func killTheBorrower(t *testing.T, meanwhile func(*node)) {
	all := pool(t, "a", "b", "c")
	ctx := context.Background()
	tasks := 600
	id := all[0].submit(tasks, ring.Size(30, 100))
	all[0].waitJob(id, time.Minute, func(j api.Job) bool { return j.Tasks.Done >= int64(tasks/4) })
	all[0].kill()
	meanwhile(all[0])
	all[0].up()
	all[0].waitJob(id, time.Minute, func(j api.Job) bool { return j.Tasks.Done >= int64(tasks/2) })
	// Only what the borrower's own lending side held may have run again: its
	// slots' worth of running and queued tasks, never what b or c held. It is counted
	// while tasks wait: at its end a job has slow ones run twice.
	for _, n := range all {
		if err := n.api.DrainLending(ctx, ""); err != nil {
			t.Fatal(err)
		}
	}
	now := all[0].waitJob(id, time.Minute, func(j api.Job) bool { return j.Tasks.Queued+j.Tasks.Running == 0 })
	if now.Tasks.Waiting == 0 {
		t.Fatalf("the job was over before its lenders stood still: %+v", now.Tasks)
	}
	by := map[api.PeerID]int64{}
	if err := all[0].api.Results(ctx, id, func(task api.Task) error { by[task.Peer]++; return nil }); err != nil {
		t.Fatal(err)
	}
	ran := map[api.PeerID]int64{}
	for _, n := range all[1:] {
		rows, err := n.api.Usage(ctx, []string{"job"}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if r.Job == id {
				ran[n.id()] += r.Tasks
			}
		}
	}
	for _, n := range all {
		if ran[n.id()] != by[n.id()] && n != all[0] {
			t.Errorf("%s ran %d tasks, and %d of their results count", n.name, ran[n.id()], by[n.id()])
		}
		if err := n.api.ResumeLending(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if job := all[0].waitJob(id, 2*time.Minute, ended); job.State != api.JobDone {
		t.Fatalf("job ended %s: %s", job.State, job.Reason)
	}
	all[0].checkResults(id, tasks)
}

func TestStoppedLender(t *testing.T) {
	all := pool(t, "a", "b", "c")
	tasks := 150
	id := all[0].submit(tasks, 30)
	all[0].waitJob(id, time.Minute, func(j api.Job) bool { return j.Tasks.Done >= int64(tasks/4) })
	all[2].signal(syscall.SIGSTOP)
	over, awake := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(awake)
		select {
		case <-over:
		case <-time.After(time.Duration(ring.Size(8, 60)) * time.Second):
		}
		if err := all[2].proc.Process.Signal(syscall.SIGCONT); err != nil {
			t.Error(err)
		}
	}()
	defer func() { close(over); <-awake }()
	if job := all[0].waitJob(id, 3*time.Minute, ended); job.State != api.JobDone {
		t.Fatalf("job ended %s: %s", job.State, job.Reason)
	}
	all[0].checkResults(id, tasks)
}

func TestRevokedMemberIsAloneWithinSeconds(t *testing.T) {
	all := pool(t, "a", "b", "c")
	gone := all[2].id()
	all[0].ok("members", "revoke", string(gone))
	for _, n := range all[:2] {
		n.eventually(5*time.Second, "drop the revoked member", func(ctx context.Context) error {
			peers, err := n.api.Peers(ctx)
			if err != nil {
				return err
			}
			for _, p := range peers {
				if p.ID == gone && p.State != api.PeerRevoked {
					return fmt.Errorf("still %s", p.State)
				}
			}
			if _, err := n.api.PingPeer(ctx, string(gone)); err == nil {
				return errors.New("it still answers")
			}
			return nil
		})
	}
	if _, _, code := all[2].cmd("peers", "ping", string(all[1].id())); code == 0 {
		t.Error("the revoked member can still ping a member")
	}
}

func TestRejoinWithoutTheNodeThatInvited(t *testing.T) {
	all := pool(t, "a", "b", "c")
	all[1].stop()
	all[0].kill() // the inviter is gone for good
	all[1].up()
	all[1].seesAlive(15*time.Second, 2)
	all[2].seesAlive(15*time.Second, 2)
}

// The owner's word frees the processor although the guest spins.
func TestKillAndPauseFreeTheCPU(t *testing.T) {
	all := pool(t, "a", "b")
	lender := all[1]
	ctx := context.Background()
	f, err := os.Open(guest)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	blob, err := all[0].api.PutBlob(ctx, f)
	if err != nil {
		t.Fatal(err)
	}
	job, err := all[0].api.SubmitJob(ctx, api.JobSpec{Runtime: api.RuntimeWasm, Module: blob.ID,
		Command: []string{"guest", "spin", "x"}, On: []api.PeerID{lender.id()}})
	if err != nil {
		t.Fatal(err)
	}
	spinning := func(ctx context.Context) error {
		for _, s := range sandboxes(t, lender) {
			if cpu, always := cpuOf(lender); s.State == "running" && always && cpu > 0 {
				return nil
			}
		}
		return errors.New("no sandbox spins")
	}
	quiet := func(context.Context) error {
		if cpu, always := cpuOf(lender); always || cpu > 0.1 {
			return fmt.Errorf("guests use %.2f cores, always runnable: %t", cpu, always)
		}
		return nil
	}
	lender.eventually(time.Minute, "spin", spinning)
	lender.ok("lend", "pause")
	lender.eventually(5*time.Second, "free the CPU after pause", quiet)
	lender.ok("lend", "resume")
	lender.eventually(time.Minute, "spin again", spinning)
	lender.ok("lend", "drain") // or the withdrawn task comes straight back
	lender.ok("lend", "kill", string(sandboxes(t, lender)[0].ID))
	lender.eventually(5*time.Second, "free the CPU after kill", quiet)
	all[0].eventually(5*time.Second, "learn why", func(ctx context.Context) error {
		j, err := all[0].api.Job(ctx, job.ID)
		if err == nil && (j.Tasks.Failed != 0 || j.State != api.JobRunning) {
			err = fmt.Errorf("%s, %+v", j.State, j.Tasks)
		}
		return err
	})
	all[0].ok("job", "cancel", string(job.ID))
}

func sandboxes(t *testing.T, n *node) []api.Sandbox {
	t.Helper()
	list, err := n.api.Sandboxes(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// curl and the OpenAPI document are enough to use a node.
func TestCurlAlone(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		ring.Need(t, "multi", "no curl")
	}
	all := pool(t, "a", "b")
	n := all[0]
	do := func(into any, args ...string) {
		t.Helper()
		cmd := exec.Command(curl, append([]string{"-sS", "--fail-with-body", "--unix-socket", filepath.Join(n.home, "p2prc.sock")}, args...)...)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("curl %v: %v\n%s", args, err, out)
		}
		if s, ok := into.(*string); ok {
			*s = string(out)
		} else if err := json.Unmarshal(out, into); err != nil {
			t.Fatalf("curl %v: %v in %s", args, err, out)
		}
	}
	var doc struct {
		Paths map[string]map[string]any `json:"paths"`
	}
	do(&doc, "http://p2prc/v1/openapi.json")
	for _, want := range []string{"get /v1/peers", "post /v1/blobs", "post /v1/jobs", "get /v1/jobs/{job}/events", "get /v1/jobs/{job}/results", "get /v1/blobs/{id}"} {
		method, path, _ := strings.Cut(want, " ")
		if doc.Paths[path][method] == nil {
			t.Errorf("the OpenAPI document lacks %s", want)
		}
	}
	var peers []api.Peer
	do(&peers, "http://p2prc/v1/peers")
	if len(peers) != 2 {
		t.Errorf("%d peers", len(peers))
	}
	input := filepath.Join(t.TempDir(), "in.txt")
	if err := os.WriteFile(input, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	var module, in api.BlobInfo
	do(&module, "--data-binary", "@"+guest, "-H", "Content-Type: application/octet-stream", "http://p2prc/v1/blobs")
	do(&in, "--data-binary", "@"+input, "-H", "Content-Type: application/octet-stream", "http://p2prc/v1/blobs")
	spec := fmt.Sprintf(`{"runtime":"wasm","module":%q,"command":["guest","0","hi-{n}"],"each":[{"name":"n","from":1,"to":3}],`+
		`"inputs":[{"path":"in.txt","blob":%q}],"outputs":["*.txt"]}`, module.ID, in.ID)
	var job api.Job
	do(&job, "-H", "Content-Type: application/json", "-d", spec, "http://p2prc/v1/jobs")
	var events, results string
	do(&events, "-N", "--max-time", "60", "http://p2prc/v1/jobs/"+string(job.ID)+"/events")
	if !strings.Contains(events, `"state":"done"`) {
		t.Errorf("events do not end with done:\n%s", events)
	}
	do(&results, "http://p2prc/v1/jobs/"+string(job.ID)+"/results")
	var task api.Task
	if err := json.Unmarshal([]byte(strings.SplitN(results, "\n", 2)[0]), &task); err != nil || len(task.Files) == 0 {
		t.Fatalf("first result: %+v, %v", task, err)
	}
	for _, f := range task.Files {
		var content string
		do(&content, "http://p2prc/v1/blobs/"+f.Blob.String())
		if want := map[string]string{"in.txt": "hello", "out.txt": fmt.Sprintf("hi-%d", task.ID+1)}[f.Path]; content != want {
			t.Errorf("%s holds %q, want %q", f.Path, content, want)
		}
	}
}

package cli

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

const jobID = api.JobID("01JOBJOBJOBJOBJOBJOB777777")

// blob makes a route that serves bytes, and their id (any will do: the client
// does not verify, the node does).
func (w *world) blob(n byte, text string) api.BlobID {
	id := api.BlobID{n}
	w.mux.HandleFunc("GET /v1/blobs/"+id.String(), func(rw http.ResponseWriter, _ *http.Request) {
		if _, err := io.WriteString(rw, text); err != nil {
			w.t.Error(err)
		}
	})
	return id
}

// pool is a node that takes one job and ends it with tasks; it returns what was submitted.
func (w *world) pool(tasks ...api.Task) *api.JobSpec {
	w.serve()
	spec := new(api.JobSpec)
	counts := api.TaskCounts{Total: int64(len(tasks))}
	state := api.JobDone
	for _, t := range tasks {
		switch t.State {
		case api.TaskDone:
			counts.Done++
		case api.TaskFailed:
			counts.Failed++
			state = api.JobFailed
		}
	}
	running := api.Job{ID: jobID, State: api.JobRunning, Tasks: api.TaskCounts{Total: counts.Total, Running: 1}, Nodes: []api.NodeProgress{{Name: "alpha", Running: 1}}}
	ended := api.Job{ID: jobID, State: state, Tasks: counts, Created: day, Ended: day.Add(2500e6), Nodes: []api.NodeProgress{{Name: "alpha", Done: counts.Done}}}
	w.answer("GET /v1/status", api.Status{Name: "alpha"})
	took(w, "POST /v1/jobs", spec, running)
	events := []api.Event{{Type: api.EventJob, Job: &running}}
	for i := range tasks { // the last event is lost: results must make up for it
		if i < len(tasks)-1 || len(tasks) == 1 {
			events = append(events, api.Event{Type: api.EventTask, JobID: jobID, Task: &tasks[i]})
		}
	}
	rows(w, "GET /v1/jobs/"+string(jobID)+"/events", append(events, api.Event{Type: api.EventJob, Job: &ended})...)
	rows(w, "GET /v1/jobs/"+string(jobID)+"/results", tasks...)
	for _, t := range tasks {
		w.answer("GET /v1/jobs/"+string(jobID)+"/tasks/"+t.ID.String(), t)
	}
	return spec
}

func done(n int, stdout string) api.Task {
	return api.Task{ID: api.TaskID(n), State: api.TaskDone, Exit: &api.Exit{}, Stdout: &api.Stream{Inline: []byte(stdout), Size: int64(len(stdout))}}
}

func TestRunOneTask(t *testing.T) {
	w := newWorld(t)
	spec := w.pool(done(0, "hello\n"))
	rows(w, "GET /v1/jobs/"+string(jobID)+"/tasks/0/log", api.LogChunk{Stream: "stdout", Data: []byte("hello\n")}, api.LogChunk{Stream: "stderr", Data: []byte("warn\n")})
	w.answer("GET /v1/peers/beta", somePeers()[1])
	w.want(0, "hello\n", "warn\n", "run", "--runtime", "process", "--on", "beta", "--env", "A=b", "--timeout", "5m", "--memory", "1GiB", "--", "echo", "--hello", "{{")
	want := api.JobSpec{Runtime: "process", Command: []string{"echo", "--hello", "{{"}, Env: map[string]string{"A": "b"}, On: []api.PeerID{idB}, Live: true,
		Needs: api.Resources{Memory: 1 << 30}, Limits: api.TaskLimits{Wall: api.Duration(300e9)}}
	if !reflect.DeepEqual(*spec, want) {
		t.Errorf("%+v", *spec)
	}
	if w.out.String() != "hello\n" || w.err.String() != "warn\n" {
		t.Errorf("a single task's output must be as it is: %q %q", w.out.String(), w.err.String())
	}
}

func TestRunOneTaskWhoseLogBreaksOff(t *testing.T) {
	w := newWorld(t)
	task := done(0, "")
	task.Stdout = &api.Stream{Size: 10, Blob: w.blob(7, "0123456789")}
	w.pool(task)
	w.mux.HandleFunc("GET /v1/jobs/"+string(jobID)+"/tasks/0/log", func(rw http.ResponseWriter, _ *http.Request) {
		enc := json.NewEncoder(rw)
		if err := enc.Encode(api.LogChunk{Stream: "stdout", Data: []byte("0123")}); err != nil {
			t.Error(err)
		}
		if err := enc.Encode(api.StreamEnd{Problem: api.ProblemOf(api.Errorf(api.KindUnavailable, "gone"), true)}); err != nil {
			t.Error(err)
		}
	})
	if code := w.run("run", "--runtime", "process", "x"); code != 0 || w.out.String() != "0123456789" {
		t.Errorf("exit %d, %q", code, w.out.String())
	}
}

// A task that began again and prints something else is printed from its
// beginning, and what is missing of it in the end is taken from the result.
func TestRunOneTaskWhoseOutputBeginsAgain(t *testing.T) {
	w := newWorld(t)
	task := done(0, "")
	task.Stdout = &api.Stream{Size: 9, Blob: w.blob(7, "one 2 3 4")}
	w.pool(task)
	w.mux.HandleFunc("GET /v1/jobs/"+string(jobID)+"/tasks/0/log", func(rw http.ResponseWriter, _ *http.Request) {
		enc := json.NewEncoder(rw)
		for _, v := range []any{
			api.LogChunk{Stream: "stdout", Data: []byte("one two three ")},
			api.LogChunk{Stream: "stdout", Data: []byte("one 2 "), Again: true},
			api.StreamEnd{Problem: api.ProblemOf(api.Errorf(api.KindUnavailable, "gone"), true)},
		} {
			if err := enc.Encode(v); err != nil {
				t.Error(err)
			}
		}
	})
	w.want(0, "one two three one 2 3 4", "its stdout differs this time", "run", "--runtime", "process", "x")
}

func TestRunOneTaskExits(t *testing.T) {
	for name, c := range map[string]struct {
		exit api.Exit
		code int
		err  string
	}{
		"its own code": {api.Exit{Code: 3}, 3, ""},
		"137":          {api.Exit{Code: 137}, 137, ""},
		"a limit":      {api.Exit{Code: 137, Limit: api.LimitMemory}, 137, "memory limit"},
		"a signal":     {api.Exit{Code: 139, Signal: "SIGSEGV"}, 139, "SIGSEGV"},
		"no program":   {api.Exit{Msg: "there is no program x"}, 125, "there is no program x"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.pool(api.Task{State: api.TaskFailed, Exit: &c.exit})
			rows[api.LogChunk](w, "GET /v1/jobs/"+string(jobID)+"/tasks/0/log")
			w.want(c.code, "", c.err, "run", "--runtime", "process", "x")
			if c.err == "" && w.err.String() != "" {
				t.Errorf("the guest's code needs no words of ours: %s", w.err.String())
			}
		})
	}
}

func TestOurOwnFailureOfOneTaskIs125(t *testing.T) {
	w := newWorld(t)
	w.want(125, "", "kind: not_running", "run", "--runtime", "process", "x")
	w.want(125, "", "kind: usage", "run")
	w.want(125, "", "unknown flag: --each-x", "run", "--each-x", "1", "x.wasm")
	w.want(125, "", "where should it run", "run", "ls")
	w.want(125, "", "there is no module", "run", "nothing.wasm")
	w.file("text.wasm", "not wasm at all")
	w.want(125, "", "is not a wasm module", "run", "text.wasm")
	w.want(10, "", "no node answers", "run", "--runtime", "process", "--each", "n=1-3", "x")
	w.want(2, "", "--each n=1-x: 1-x is half a range\nhint: a range is like 1-100", "run", "--each", "n=1-x", "--runtime", "process", "x")
	w.want(2, "", "range 3-1 is empty", "run", "--each", "n=3-1", "--runtime", "process", "x")
	w.want(2, "", "unknown flag", "run", "--each", "n=1-3", "--nope")
	w.want(2, "", "10000000 values", "run", "--each", "n=1-10000000", "--runtime", "process", "x")
	w.want(2, "", "unknown placeholder {m}", "run", "--each", "n=1-3", "--runtime", "process", "x", "{m}")
	w.want(2, "", "leaves the task's directory", "run", "--each", "n=1-3", "--out", "../x", "--runtime", "process", "x")
	w.want(2, "", "all tasks would write the same file", "run", "--each", "n=1-3", "--out", "x", "-o", "d", "--runtime", "process", "x")
	w.want(2, "", "there is no placeholder {m}", "run", "--each", "n=1-3", "--out", "x", "-o", "d/{m}", "--runtime", "process", "x")
	w.file("plain", "")
	for _, dir := range []string{"plain", "plain/below", "plain/{n}"} {
		w.want(2, "", "-o "+dir+": "+filepath.Join(w.dir, "plain")+" is a file, not a folder\nhint: -o names a folder", "run", "--each", "n=1-3", "--out", "*.png", "-o", dir, "--runtime", "process", "x")
	}
	w.want(2, "", "no --out says", "run", "--each", "n=1-3", "-o", "d", "--runtime", "process", "x")
	w.want(2, "", "--memory: \"lots\" is not a size", "run", "--each", "n=1-3", "--memory", "lots", "x")
	w.want(12, "", "there is no input", "run", "--each", "n=1-3", "--in", "nothing", "--runtime", "process", "x")
}

func TestRunAnArray(t *testing.T) {
	w := newWorld(t)
	bad := api.Task{ID: 2, State: api.TaskFailed, Each: map[string]string{"n": "3"}, Exit: &api.Exit{Code: 9}, Stderr: &api.Stream{Inline: []byte("oh no")}}
	spec := w.pool(done(1, "b\n"), done(0, "a1\na2"), bad, done(3, "d\n"))
	w.want(3, "", "1 of 4 tasks failed", "run", "--each", "n=1-4", "--runtime", "process", "x", "{n}")
	if w.out.String() != "b\na1\na2\nd\n" || !strings.Contains(w.err.String(), "oh no\n") || !strings.Contains(w.err.String(), "task 2 failed: exit code 9 (n=3)") {
		t.Errorf("stdout %q\nstderr %s", w.out.String(), w.err.String())
	}
	if len(spec.Each) != 1 || spec.Each[0].To != 4 || spec.Live {
		t.Errorf("%+v", spec)
	}
	w.want(3, "", "", "run", "--ordered", "-q", "--each", "n=1-4", "--runtime", "process", "x", "{n}")
	if w.out.String() != "a1\na2\nb\nd\n" {
		t.Errorf("ordered: %q", w.out.String())
	}
	w.outWidth, w.errWidth = 80, 80
	w.env["NO_COLOR"] = "1"
	w.run("run", "--ordered", "--each", "n=1-4", "--runtime", "process", "x", "{n}")
	if w.out.String() != "0 | a1\n0 | a2\n1 | b\n3 | d\n" {
		t.Errorf("on a terminal: %q", w.out.String())
	}
	if !strings.Contains(w.err.String(), "total") || !strings.Contains(w.err.String(), "3/4 done") || !strings.Contains(w.err.String(), "\x1b[2A\x1b[J") {
		t.Errorf("progress: %q", w.err.String())
	}
	w.want(0, string(jobID)+"\n", "", "run", "-d", "--each", "n=1-4", "--runtime", "process", "x")
}

func TestRunUploads(t *testing.T) {
	w := newWorld(t)
	spec := w.pool(done(0, ""))
	rows[api.LogChunk](w, "GET /v1/jobs/"+string(jobID)+"/tasks/0/log")
	var bodies []string
	put := func(reply any) http.HandlerFunc {
		return func(rw http.ResponseWriter, r *http.Request) {
			b, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			bodies = append(bodies, string(b))
			if err := json.NewEncoder(rw).Encode(reply); err != nil {
				t.Error(err)
			}
		}
	}
	w.mux.HandleFunc("POST /v1/blobs", put(api.BlobInfo{ID: api.BlobID{1}, Size: 8}))
	w.mux.HandleFunc("POST /v1/trees", put(api.TreeInfo{ID: api.BlobID{2}, Files: 1, Bytes: 3}))
	w.file("prog.wasm", "\x00asm\x01\x00\x00\x00")
	w.file("scene.obj", "v 0 0 0")
	w.file("assets/tex", "abc")
	w.stdin = "in {n} put"
	w.want(0, "", "", "run", "--in", "scene.obj", "--in", "assets:a", "--stdin", "-", "prog.wasm", "-x")
	want := []api.Input{{Path: "scene.obj", Blob: api.BlobID{1}, Mode: 0o644, Size: 8}, {Path: "a", Tree: api.BlobID{2}, Size: 3}}
	if !reflect.DeepEqual(spec.Inputs, want) || spec.Module != (api.BlobID{1}) || spec.Runtime != "wasm" || !reflect.DeepEqual(spec.Command, []string{"prog.wasm", "-x"}) || spec.Stdin != "in {{n} put" {
		t.Errorf("%+v", spec)
	}
	if len(bodies) != 3 || !strings.HasPrefix(bodies[0], "\x00asm") || bodies[1] != "v 0 0 0" || !strings.Contains(bodies[2], "abc") {
		t.Errorf("%q", bodies)
	}
	if err := os.Symlink("nowhere", filepath.Join(w.dir, "assets", "l")); err != nil {
		t.Fatal(err)
	}
	w.want(125, "", "link to nothing: l -> nowhere", "run", "--in", "assets", "prog.wasm")
	w.file("job.yaml", "module: prog.wasm\neach: {n: 1-1}\ninputs: [scene.obj]\n")
	w.want(0, string(jobID)+"\n", "", "job", "submit", "job.yaml")
	w.file("bad.yaml", "module: prog.wasm\necah: {n: 1-3}\n")
	w.golden("jobfile", []string{"job", "submit", "bad.yaml"}, []string{"job", "submit", "none.yaml"})
}

func TestNobodyCanRunIt(t *testing.T) {
	w := newWorld(t).serve()
	waiting := api.Job{ID: jobID, State: api.JobRunning, Tasks: api.TaskCounts{Total: 3, Waiting: 3}, Reason: "1: it lends no docker"}
	w.answer("GET /v1/status", api.Status{}).answer("POST /v1/jobs", waiting).answer("POST /v1/jobs/"+string(jobID)+"/cancel", nil).
		answer("GET /v1/jobs/"+string(jobID)+"/why", api.Why{Waiting: 3, Peers: []api.WhyPeer{{Peer: idB, Name: "beta", Reason: "it lends no docker"}}})
	w.mux.HandleFunc("GET /v1/jobs/"+string(jobID)+"/events", func(rw http.ResponseWriter, r *http.Request) {
		if err := json.NewEncoder(rw).Encode(api.Event{Type: api.EventJob, Job: &waiting}); err != nil {
			t.Error(err)
		}
		rw.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	w.want(13, "", "beta: it lends no docker", "run", "--each", "n=1-3", "--image", "x")
	if !strings.Contains(w.err.String(), "nobody in the pool can run this job") || !w.called("POST /v1/jobs/"+string(jobID)+"/cancel") {
		t.Errorf("%s\n%v", w.err.String(), w.calls)
	}
}

func TestInterrupt(t *testing.T) {
	w := newWorld(t).serve()
	running := api.Job{ID: jobID, State: api.JobRunning, Tasks: api.TaskCounts{Total: 3, Running: 3}}
	w.answer("GET /v1/status", api.Status{}).answer("POST /v1/jobs", running).answer("GET /v1/jobs/777", api.JobDetail{Job: running})
	events := func(rw http.ResponseWriter, r *http.Request) {
		w.signals <- os.Interrupt
		<-r.Context().Done()
	}
	w.mux.HandleFunc("GET /v1/jobs/"+string(jobID)+"/events", events)
	var why api.ReasonRequest
	took(w, "POST /v1/jobs/"+string(jobID)+"/cancel", &why, nil)
	w.want(130, "", "job OB777777 is canceled", "run", "--each", "n=1-3", "--runtime", "process", "x")
	if why.Reason != "interrupted" {
		t.Errorf("%+v", why)
	}
	w.calls = nil
	w.want(130, "", "goes on", "job", "watch", "777")
	if w.called("POST /v1/jobs/" + string(jobID) + "/cancel") {
		t.Error("watching is not owning: Ctrl-C must not cancel")
	}
}

// Ctrl-C while the output of a job that has ended is still being written.
func TestInterruptAfterTheEnd(t *testing.T) {
	w := newWorld(t).serve()
	w.answer("GET /v1/status", api.Status{}).answer("POST /v1/jobs", api.Job{ID: jobID, State: api.JobRunning})
	w.mux.HandleFunc("GET /v1/jobs/"+string(jobID)+"/events", func(_ http.ResponseWriter, r *http.Request) {
		w.signals <- os.Interrupt
		<-r.Context().Done()
	})
	w.answer("POST /v1/jobs/"+string(jobID)+"/cancel", api.Errorf(api.KindConflict, "job %s has ended (done)", jobID))
	w.want(130, "", "job OB777777 had ended: p2prc job show OB777777", "run", "--each", "n=1-3", "--runtime", "process", "x")
	if text := w.err.String(); strings.Contains(text, "could not be canceled") || !strings.Contains(text, "error: interrupted") {
		t.Errorf("%s", text)
	}
}

func TestSecondInterruptLeavesAtOnce(t *testing.T) {
	w := newWorld(t)
	release := make(chan struct{})
	w.serve()
	w.answer("GET /v1/status", api.Status{}).answer("POST /v1/jobs", api.Job{ID: jobID, State: api.JobRunning})
	w.mux.HandleFunc("GET /v1/jobs/"+string(jobID)+"/events", func(http.ResponseWriter, *http.Request) { w.signals <- os.Interrupt })
	w.mux.HandleFunc("POST /v1/jobs/"+string(jobID)+"/cancel", func(http.ResponseWriter, *http.Request) {
		w.signals <- syscall.SIGTERM
		<-release
	})
	if code := w.run("run", "--each", "n=1-3", "--runtime", "process", "x"); code != 130 {
		t.Errorf("exit %d", code)
	}
	close(release)
}

func TestResultsStayBelowTheirFolder(t *testing.T) {
	w := newWorld(t).serve()
	one, two := w.blob(1, "one"), w.blob(2, "two")
	results := func(list ...api.Task) {
		w.mux = http.NewServeMux()
		w.blob(1, "one")
		w.blob(2, "two")
		rows(w, "GET /v1/jobs/777/results", list...)
	}
	task := func(id int, each string, files ...api.OutputFile) api.Task {
		return api.Task{ID: api.TaskID(id), State: api.TaskDone, Each: map[string]string{"n": each}, Files: files}
	}
	file := func(path string, b api.BlobID) api.OutputFile {
		return api.OutputFile{Path: path, Blob: b, Size: 3, Mode: 0o777}
	}
	outside := filepath.Join(w.dir, "outside")
	for _, bad := range []string{"../outside/x", "/etc/x", "a/../../x", ".", "", "a//b", "./x"} {
		results(task(0, "1", file(bad, one)))
		w.want(1, "", "refused", "job", "results", "777", "-o", "res")
	}
	if err := os.MkdirAll(outside, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(w.dir, "res", "link")); err != nil {
		t.Fatal(err)
	}
	results(task(0, "1", file("link/x", one)))
	w.want(1, "", "", "job", "results", "777", "-o", "res")
	if list, err := os.ReadDir(outside); err != nil || len(list) != 0 {
		t.Fatalf("a link led out of the folder: %v, %v", list, err)
	}
	results(task(0, "1", file("a/x", one)), task(1, "2", file("y", two)))
	w.want(0, "", "2 files, 6 B written", "job", "results", "777", "-o", "res")
	for name, want := range map[string]string{"res/a/x": "one", "res/y": "two"} {
		got, err := os.ReadFile(filepath.Join(w.dir, name))
		st, serr := os.Stat(filepath.Join(w.dir, name))
		if err != nil || serr != nil || string(got) != want || st.Mode().Perm() != 0o755 {
			t.Errorf("%s: %q, %v, %v", name, got, st.Mode(), err)
		}
	}
	w.want(0, "", "0 files", "job", "results", "777", "-o", "res") // the same content may be there
	w.file("res/y", "mine")
	w.want(1, "", "res/y is there already, with other content", "job", "results", "777", "-o", "res")
	w.want(0, "", "", "job", "results", "777", "-o", "res", "--overwrite")
	results(task(0, "1", file("y", one)), task(1, "2", file("y", two)))
	w.want(1, "", "tasks 0 and 1 both left y", "job", "results", "777", "-o", "res2")
	w.want(0, "", "2 files", "job", "results", "777", "-o", "res3/{n}-{task}")
	if got, err := os.ReadFile(filepath.Join(w.dir, "res3", "2-1", "y")); err != nil || string(got) != "two" {
		t.Errorf("%q, %v", got, err)
	}
	results(task(0, "../..", file("y", one)))
	w.want(2, "", "cannot be a folder's name", "job", "results", "777", "-o", "res4/{n}")
	w.file("res6", "")
	results()
	w.want(2, "", "res6 is a file, not a folder", "job", "results", "777", "-o", "res6")
	short := file("z", one)
	short.Size = 99
	results(task(0, "1", short))
	w.want(1, "", "has 3 bytes, want 99", "job", "results", "777", "-o", "res5")
	if list, err := os.ReadDir(filepath.Join(w.dir, "res5")); err != nil || len(list) != 0 {
		t.Errorf("half a file was left: %v, %v", list, err)
	}
}

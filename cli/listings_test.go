package cli

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

const (
	idA = api.PeerID("12D3KooWAlphaAlphaAlphaAlphaAlphaAlphaAlphaAlpha11111")
	idB = api.PeerID("12D3KooWBetaBetaBetaBetaBetaBetaBetaBetaBetaBe22222")
)

var day = time.Date(2026, 3, 1, 12, 0, 0, 0, time.Local)

func somePeers() []api.Peer {
	rec := func(id api.PeerID, name string) api.Record {
		return api.Record{ID: id, Name: name, Role: api.RoleMember, Addrs: []string{"/ip4/192.0.2.7/tcp/4001"}, Version: "v1", Lending: api.LendOpen,
			Total: api.Resources{CPU: 3, Memory: 4 << 30}, Free: api.Resources{CPU: 1.5, Memory: 1 << 30},
			Runtimes: []api.RuntimeInfo{{Name: "wasm", Available: true, Enabled: true, Isolation: "memory-safe"}, {Name: "process", Available: true, Isolation: "none", Missing: []string{"user namespaces: not allowed"}}},
			Specs:    api.Specs{Hostname: name, OS: "linux", Arch: "amd64", CPUModel: "Some CPU", Cores: 4, Memory: 8 << 30, Disk: 100 << 30, DiskFree: 50 << 30, GPUs: []api.GPU{{Vendor: "nvidia", Model: "H200", Memory: 139 << 30}}}}
	}
	self := api.Peer{Record: rec(idA, "alpha"), State: api.PeerSelf, Path: api.PathSelf}
	evil := api.Peer{Record: rec(idB, "beta\x1b[2J\u202e"), State: api.PeerDead, Path: api.PathDirectTCP, Addr: "192.0.2.8:4001", Latency: api.Duration(1500 * time.Microsecond), LastSeen: time.Now().Add(-5*time.Minute - 30*time.Second)}
	evil.Labels = map[string]string{"zone": "eu", "disk": "ssd"}
	evil.Lending = api.LendPaused
	return []api.Peer{self, evil}
}

func TestListingsOfTheNetwork(t *testing.T) {
	w := newWorld(t).serve()
	peers := somePeers()
	far := peers[0]
	far.ID, far.Name, far.State, far.Path, far.Via, far.LastSeen = "12D3KooWGammaGammaGammaGammaGammaGammaGammaGam33333", "gamma", api.PeerAlive, api.PathRelayed, idB, time.Now().Add(-90*time.Second)
	far.Traffic = []api.Traffic{{Path: api.PathDirectQUIC, Sent: 10, Received: 3 << 20}, {Path: api.PathRelayed, Sent: 5 << 30}}
	peers = append(peers, far)
	w.answer("GET /v1/peers", peers).answer("GET /v1/peers/beta", peers[1]).answer("POST /v1/peers/refresh", peers).
		answer("POST /v1/peers", peers[1]).answer("POST /v1/peers/beta/ping", api.PingResult{Latency: api.Duration(1234567)}).
		answer("GET /v1/peers/gamma", peers[2]).
		answer("POST /v1/peers/gamma/speed", api.SpeedResult{Path: api.PathRelayed, Via: idB, Latency: 21e6, Down: api.Throughput{Bytes: 64 << 20, Time: 1e9, Mbit: 536.87}, Up: api.Throughput{Bytes: 3 << 20, Time: 2e9, Mbit: 12.58}}).
		answer("GET /v1/doctor", api.Diagnosis{Findings: []api.Finding{{Name: "address", OK: true, Msg: "beta sees /ip4/192.0.2.9/tcp/4001"}, {Name: "udp", Msg: "UDP leaves this network: no", Advice: "see whether a firewall stops it"}, {Name: "docker", Note: true, Msg: "lent as soon as it works here", Advice: "start it"}}}).
		answer("GET /v1/specs", peers[0].Specs).answer("GET /v1/peers/beta/specs", peers[1].Specs).
		answer("GET /v1/members", []api.Member{{ID: idA, Name: "alpha", Role: api.RoleAdmin, Admitted: day, Expires: day.AddDate(0, 3, 0), Self: true}, {ID: idB, Name: "beta", Role: api.RoleLender, Admitted: day, Expires: day.AddDate(0, 3, 0), Revoked: true}}).
		answer("GET /v1/invites", []api.Invite{{ID: "12D3KooWInviteInvite1111", Role: api.RoleMember, Uses: 2, Used: 1, Expires: day.AddDate(100, 0, 0)}, {ID: "12D3KooWInviteInvite2222", Role: api.RoleLender, Uses: 1, Used: 1, Expires: day}})
	commands := [][]string{{"peers"}, {"peers", "beta"}, {"peers", "gamma"}, {"doctor"}, {"peers", "refresh"}, {"peers", "add", "192.0.2.8:4001"}, {"peers", "ping", "beta", "-n", "2"}, {"peers", "speed", "gamma"}, {"specs"}, {"specs", "beta"}, {"members"}, {"invite", "ls"}}
	w.golden("network-plain", commands...)
	w.outWidth, w.errWidth = 60, 60
	w.golden("network-terminal", commands[0], commands[10], commands[11])
	w.env["NO_COLOR"] = "1"
	w.run("peers")
	if strings.Contains(w.out.String(), "\x1b") {
		t.Errorf("NO_COLOR, or a peer's name, let an escape through: %q", w.out.String())
	}
}

func TestJSONIsTheAPIsOwn(t *testing.T) {
	w := newWorld(t).serve()
	peers := somePeers()
	w.answer("GET /v1/peers", peers).answer("GET /v1/jobs", []api.Job(nil)).answer("GET /v1/lend/sandboxes", []api.Sandbox{})
	w.want(0, "", "", "peers", "--json")
	var got []api.Peer
	if err := json.Unmarshal([]byte(w.out.String()), &got); err != nil || len(got) != 2 || got[1].ID != idB || !reflect.DeepEqual(got[0].Specs, peers[0].Specs) {
		t.Errorf("%v\n%s", err, w.out.String())
	}
	for _, args := range [][]string{{"job", "ls", "--json"}, {"lend", "ls", "--json"}} {
		w.run(args...)
		if w.out.String() != "[]\n" {
			t.Errorf("%v: an empty list is %q", args, w.out.String())
		}
	}
}

func someJob() api.JobDetail {
	return api.JobDetail{Job: api.Job{ID: "01JOBJOBJOBJOBJOBJOB777777", Name: "teapot", State: api.JobFailed, Runtime: "wasm", Reason: "",
		Tasks: api.TaskCounts{Total: 100, Done: 97, Failed: 3}, Created: day, Ended: day.Add(95 * time.Second), Bytes: 5 << 20,
		Nodes: []api.NodeProgress{{Peer: idA, Name: "alpha", Done: 60, Failed: 3, Busy: api.Duration(80 * time.Second), State: "idle"}, {Peer: idB, Name: "beta", Done: 37, Lost: 2, State: "lost", Reason: "connection refused"}}},
		Spec: api.JobSpec{Command: []string{"render", "{n}"}, Needs: api.Resources{CPU: 1, Memory: 256 << 20}}}
}

func someTasks() []api.Task {
	return []api.Task{
		{ID: 0, State: api.TaskDone, Each: map[string]string{"n": "1"}, Peer: idA, Exit: &api.Exit{}, Stdout: &api.Stream{Inline: []byte("one\nno end"), Size: 10}, Files: []api.OutputFile{{Path: "out/1.txt", Size: 3, Mode: 0o644}}},
		{ID: 1, State: api.TaskFailed, Each: map[string]string{"n": "2"}, Peer: idB, Exit: &api.Exit{Code: 3}, Stderr: &api.Stream{Inline: []byte("bad\n"), Size: 4}},
		{ID: 2, State: api.TaskFailed, Each: map[string]string{"n": "3"}, Peer: idB, Exit: &api.Exit{Code: 137, Limit: api.LimitMemory}, Cause: api.CauseFailed},
	}
}

func TestListingsOfJobs(t *testing.T) {
	w := newWorld(t).serve()
	job, tasks := someJob(), someTasks()
	old := job.Job
	old.Created = time.Now().Add(-50 * time.Hour)
	w.answer("GET /v1/jobs", []api.Job{old}).answer("GET /v1/jobs/777", job).answer("GET /v1/jobs/"+string(job.ID)+"/tasks", tasks[1:]).
		answer("GET /v1/jobs/777/tasks", tasks).answer("GET /v1/jobs/777/tasks/2", tasks[2]).answer("POST /v1/jobs/777/pause", nil).answer("POST /v1/jobs/777/retry", api.RetryResult{Tasks: 3}).
		answer("POST /v1/jobs/777/cancel", nil).answer("DELETE /v1/jobs/777", api.Errorf(api.KindConflict, "job 777 still runs").WithHint("p2prc job cancel 777")).
		answer("GET /v1/jobs/777/why", api.Why{Waiting: 4, Peers: []api.WhyPeer{{Peer: idA, Name: "alpha", OK: true, Reason: "it can run them"}, {Peer: idB, Name: "beta", Reason: "it lends no wasm"}}})
	rows(w, "GET /v1/jobs/777/results", tasks...)
	rows(w, "GET /v1/jobs/"+string(job.ID)+"/results", tasks...)
	rows(w, "GET /v1/jobs/"+string(job.ID)+"/tasks/1/log", api.LogChunk{Task: 1, Stream: "stderr", Data: []byte("bad\n")}, api.LogChunk{Task: 1, Stream: "stdout", Data: []byte("raw\x1b[0m")})
	w.golden("jobs", []string{"job", "ls"}, []string{"job", "show", "777"}, []string{"job", "show", "777", "--tasks"}, []string{"job", "show", "777", "2"}, []string{"job", "show", "777", "x"},
		[]string{"job", "why", "777"}, []string{"job", "results", "777"}, []string{"job", "logs", "777"}, []string{"job", "logs", "777", "1"}, []string{"job", "logs", "777", "-f"},
		[]string{"job", "pause", "777"}, []string{"job", "retry", "777"}, []string{"job", "cancel", "777"}, []string{"job", "rm", "777"})
}

func TestListingsOfLending(t *testing.T) {
	w := newWorld(t).serve()
	box := api.Sandbox{ID: "01SANDBOXSANDBOXSANDB88888", Runtime: "wasm", Borrower: idB, Name: "beta", Job: "01JOB", JobName: "teapot", State: "running", Task: 7, Since: time.Now().Add(-2*time.Hour - 30*time.Minute), CPU: 0.98, Memory: 64 << 20, CPUTime: api.Duration(75 * time.Second), Tasks: 12}
	rules := []api.Rule{{Subject: "*", Action: "run", Resource: "runtime:wasm", Allow: true}}
	var set []api.Rule
	var limits api.Limits
	w.answer("GET /v1/lend", api.LendStatus{State: api.LendPaused, Reason: "dinner", Total: api.Resources{CPU: 3, Memory: 4 << 30}, Free: api.Resources{CPU: 1, Memory: 1 << 30, GPU: 1}, Leases: 1, Sandboxes: 2, Runtimes: somePeers()[0].Runtimes,
		Limits: api.Limits{Total: api.Resources{CPU: 2, Memory: 4 << 30, Disk: 3 << 30}, PerPeer: api.Resources{CPU: 2, Memory: 4 << 30, Disk: 3 << 30}, PerGuest: api.Resources{CPU: 1, Memory: 4 << 30, Disk: 3 << 30, GPU: 1},
			MaxWall: api.Duration(time.Hour), MaxOut: 64 << 20, MaxProcs: 256, Images: 20 << 30, Runtimes: []api.RuntimeName{"wasm"}}}).
		answer("GET /v1/peers", somePeers()).
		answer("GET /v1/lend/sandboxes", []api.Sandbox{box}).answer("GET /v1/lend/policy", rules).answer("GET /v1/peers/beta", somePeers()[1]).
		answer("GET /v1/specs", somePeers()[0].Specs).
		answer("GET /v1/lend/limits", api.Limits{Total: api.Resources{CPU: 2}, PerGuest: api.Resources{CPU: 1, Disk: 5 << 30}, MaxWall: api.Duration(time.Hour), Runtimes: []api.RuntimeName{"wasm"}}).
		answer("POST /v1/lend/pause", nil).answer("POST /v1/lend/resume", nil).answer("POST /v1/lend/drain", nil).answer("POST /v1/lend/sandboxes/"+string(box.ID)+"/kill", nil).
		answer("GET /v1/lend/usage", []api.UsageRow{{Peer: idB, Name: "=beta", Tasks: 9, CPUSeconds: 75.25, MemorySeconds: 3600 * 1 << 30, BytesIn: 1 << 20, BytesOut: 3}})
	took(w, "PUT /v1/lend/policy", &set, nil)
	ends, asked := []api.Sandbox{}, api.Limits{}
	took(w, "POST /v1/lend/limits/ends", &asked, &ends)
	forbidden, tried := []api.Sandbox{}, []api.Rule{}
	took(w, "POST /v1/lend/policy/ends", &tried, &forbidden)
	took(w, "PUT /v1/lend/limits", &limits, nil)
	w.golden("lend", []string{"lend", "status"}, []string{"lend", "ls"}, []string{"lend", "limits"}, []string{"lend", "limits", "--json"}, []string{"lend", "policy"}, []string{"lend", "pause", "--reason", "dinner"}, []string{"lend", "resume"},
		[]string{"lend", "drain"}, []string{"lend", "kill", "88888"}, []string{"lend", "kill", "nothing"}, []string{"lend", "kill"}, []string{"lend", "usage"}, []string{"lend", "usage", "--csv"}, []string{"lend", "usage", "--by", "hour"}, []string{"lend", "usage", "--since", "soon"})
	w.want(0, "", "", "lend", "policy", "deny", "beta", "process")
	want := append([]api.Rule{{Subject: string(idB), Action: "run", Resource: "runtime:process"}}, rules...)
	if !reflect.DeepEqual(set, want) {
		t.Errorf("%+v", set)
	}
	for typed, hint := range map[string]string{"dokcer": "did you mean docker?", "netwrok:open": "did you mean network:open?", "prot:5432": "did you mean port:5432?", "unknownword": "hint: wasm, process, docker", "port:0": "port:8000-8010", "map:wasm": "map:port:5432"} {
		w.want(2, "", hint, "lend", "policy", "allow", "beta", typed)
	}
	w.want(0, "", "", "lend", "policy", "rm", "1")
	if len(set) != 0 {
		t.Errorf("%+v", set)
	}
	w.want(2, "", "there is no row", "lend", "policy", "rm", "9")
	w.stdin = `[{"subject":"*","action":"run","resource":"*","allow":true}]`
	w.want(0, "", "", "lend", "policy", "set", "-")
	if len(set) != 1 || set[0].Resource != "*" {
		t.Errorf("%+v", set)
	}
	forbidden = append(forbidden, box)
	w.want(2, "", "this policy takes 1 container away, with all files", "lend", "policy", "rm", "1")
	if len(tried) != 0 || len(set) != 1 || !strings.Contains(w.err.String(), "beta") {
		t.Errorf("tried %+v, set %+v, said %s", tried, set, w.err.String())
	}
	w.want(0, "", "", "lend", "policy", "rm", "1", "--yes")
	if len(set) != 0 {
		t.Errorf("%+v", set)
	}
	w.want(2, "", "this policy takes 1 container away", "lend", "policy", "deny", "beta", "containers")
	if len(tried) != 2 || len(set) != 0 {
		t.Errorf("tried %+v, set %+v", tried, set)
	}
	forbidden = nil
	w.stdin = `[{"who":"*"}]`
	w.want(2, "", "is not a policy table", "lend", "policy", "set", "-")
	w.want(0, "", "", "lend", "limits", "--memory", "8GiB", "--peer-cpus", "1.5", "--runtimes", "wasm,process")
	if limits.Total != (api.Resources{CPU: 2, Memory: 8 << 30}) || limits.PerPeer.CPU != 1.5 || len(limits.Runtimes) != 2 || limits.MaxWall == 0 {
		t.Errorf("%+v", limits)
	}
	w.want(0, "", "note: this machine has 4 cores: guests that use all 32", "lend", "limits", "--cpus", "32")
	w.want(0, "", "", "lend", "limits", "--cpus", "2")
	if w.err.String() != "" {
		t.Errorf("%s", w.err.String())
	}
	ends = append(ends, box)
	w.want(2, "", "these limits take 1 container away, with all files", "lend", "limits", "--cpus", "1")
	if limits.Total.CPU != 2 || asked.Total.CPU != 1 {
		t.Errorf("%+v", limits)
	}
	w.want(0, "", "", "lend", "limits", "--cpus", "1", "--yes")
	if limits.Total.CPU != 1 {
		t.Errorf("%+v", limits)
	}
	w.want(2, "", "there is no runtime", "lend", "limits", "--runtimes", "wsam")
	w.want(2, "", "negative", "lend", "limits", "--cpus=-1")
}

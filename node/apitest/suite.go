// Package apitest is the conformance suite of a node's API: what every client
// of [api.Client] may rely on, whatever carries the requests.
package apitest

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// Run tests the node that open gives a client of. The node is fresh, alone in
// its network and lends wasm; it may be another for each test.
func Run(t *testing.T, open func(t *testing.T) *api.Client) {
	for name, test := range map[string]func(*testing.T, *api.Client){
		"node": testNode, "record": testRecord, "peers": testPeers, "invites": testInvites,
		"blobs": testBlobs, "trees": testTrees, "jobs": testJobs, "lend": testLend, "events": testEvents, "not found": testNotFound,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// must is v, or the end of the test.
func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func wantKind(t *testing.T, err error, kind api.Kind) {
	t.Helper()
	if api.KindOf(err) != kind {
		t.Errorf("error %v is %q, want %q", err, api.KindOf(err), kind)
	}
}

func testNode(t *testing.T, c *api.Client) {
	s := must(c.Status(t.Context()))(t)
	if s.ID == "" || s.Network == "" || s.Role != api.RoleAdmin || s.PID == 0 || s.Started.IsZero() || s.Counters == nil {
		t.Errorf("status %+v", s)
	}
	specs := must(c.Specs(t.Context()))(t)
	if specs.Cores < 1 || specs.Memory <= 0 || specs.Arch == "" || specs.GPUs == nil {
		t.Errorf("specs %+v", specs)
	}
	var doc struct {
		OpenAPI string                     `json:"openapi"`
		Paths   map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(must(c.OpenAPI(t.Context()))(t), &doc); err != nil || doc.OpenAPI != "3.1.0" || doc.Paths["/v1/status"] == nil {
		t.Errorf("document %q with %d paths, %v", doc.OpenAPI, len(doc.Paths), err)
	}
}

func testRecord(t *testing.T, c *api.Client) {
	if err := errors.Join(c.SetLabels(t.Context(), map[string]string{"zone": "attic"}), c.SetMeta(t.Context(), "über\nhere")); err != nil {
		t.Fatal(err)
	}
	self := must(c.Peer(t.Context(), "self"))(t)
	if self.State != api.PeerSelf || self.Labels["zone"] != "attic" || self.Meta != "über\nhere" {
		t.Errorf("self %+v", self)
	}
	wantKind(t, c.SetLabels(t.Context(), map[string]string{"": "x"}), api.KindInvalid)
	wantKind(t, c.SetMeta(t.Context(), strings.Repeat("x", 5000)), api.KindInvalid)
	if again := must(c.Peer(t.Context(), "self"))(t); again.Labels["zone"] != "attic" {
		t.Errorf("refused labels took effect: %v", again.Labels)
	}
	if err := c.SetLabels(t.Context(), nil); err != nil {
		t.Error(err)
	}
	if again := must(c.Peer(t.Context(), "self"))(t); len(again.Labels) != 0 {
		t.Errorf("labels %v", again.Labels)
	}
}

func testPeers(t *testing.T, c *api.Client) {
	id := must(c.Status(t.Context()))(t).ID
	peers := must(c.Peers(t.Context()))(t)
	if len(peers) != 1 || peers[0].ID != id {
		t.Errorf("peers %+v", peers)
	}
	if p := must(c.Peer(t.Context(), string(id[:20])))(t); p.ID != id {
		t.Errorf("a prefix gave %s", p.ID)
	}
	if specs := must(c.PeerSpecs(t.Context(), "self"))(t); specs.Cores < 1 {
		t.Errorf("own specs %+v", specs)
	}
	if again := must(c.RefreshPeers(t.Context()))(t); len(again) != 1 {
		t.Errorf("peers %+v", again)
	}
	for _, addr := range []string{"nonsense", ""} {
		if _, err := c.AddPeer(t.Context(), addr); err == nil {
			t.Errorf("added %q", addr)
		}
	}
}

func testInvites(t *testing.T, c *api.Client) {
	token := must(c.CreateInvite(t.Context(), api.InviteRequest{Uses: 3, Expires: api.Duration(time.Minute)}))(t)
	if token.Token == "" || token.Role != api.RoleMember || token.Uses != 3 {
		t.Errorf("invite %+v", token)
	}
	invites := must(c.Invites(t.Context()))(t)
	if len(invites) != 1 || invites[0].ID != token.ID {
		t.Errorf("invites %+v", invites)
	}
	if err := c.RevokeInvite(t.Context(), token.ID[len(token.ID)-8:]); err != nil {
		t.Error(err)
	}
	if again := must(c.Invites(t.Context()))(t); len(again) != 1 || !again[0].Revoked {
		t.Errorf("invites %+v", again)
	}
	if members := must(c.Members(t.Context()))(t); len(members) != 1 || !members[0].Self {
		t.Errorf("members %+v", members)
	}
	_, err := c.CreateInvite(t.Context(), api.InviteRequest{Role: "king"})
	wantKind(t, err, api.KindInvalid)
	_, err = c.CreateInvite(t.Context(), api.InviteRequest{Uses: -1})
	wantKind(t, err, api.KindInvalid)
	_, err = c.Join(t.Context(), "garbled")
	wantKind(t, err, api.KindInvalid)
	wantKind(t, c.Revoke(t.Context(), api.RevokeRequest{}), api.KindInvalid)
	wantKind(t, c.Revoke(t.Context(), api.RevokeRequest{Node: "nobody-knows"}), api.KindNotFound)
	wantKind(t, c.SetRole(t.Context(), "nobody-knows", api.RoleLender), api.KindNotFound)
	wantKind(t, c.SetRole(t.Context(), "self", "king"), api.KindInvalid)
	wantKind(t, c.SetRole(t.Context(), "self", api.RoleLender), api.KindInvalid)
}

func testBlobs(t *testing.T, c *api.Client) {
	before := must(c.BlobStats(t.Context()))(t)
	for _, size := range []int{0, 1, 10_000, 3 << 20} {
		want := bytes.Repeat([]byte("p2prc "), size/6+1)[:size]
		info := must(c.PutBlob(t.Context(), bytes.NewReader(want)))(t)
		if info.Size != int64(size) {
			t.Errorf("%d bytes became %d", size, info.Size)
		}
		r, n, err := c.GetBlob(t.Context(), info.ID)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || n != int64(size) || !bytes.Equal(got, want) {
			t.Errorf("%d bytes came back as %d (said %d), %v", size, len(got), n, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if after := must(c.BlobStats(t.Context()))(t); after.Bytes < before.Bytes+3<<20 {
		t.Errorf("stats %+v after %+v", after, before)
	}
	must(c.GCBlobs(t.Context()))(t)
	broken := errors.New("the disk of the caller broke")
	_, err := c.PutBlob(t.Context(), io.MultiReader(strings.NewReader("half"), failing{broken}))
	if err == nil {
		t.Error("half a body was taken for a whole")
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func testTrees(t *testing.T, c *api.Client) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for path, text := range map[string]string{"a.txt": "a", "dir/b.txt": "bb"} {
		err := w.WriteHeader(&tar.Header{Name: path, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(text))})
		if err == nil {
			_, err = io.WriteString(w, text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	info := must(c.PutTree(t.Context(), bytes.NewReader(b.Bytes())))(t)
	tree := must(c.GetTree(t.Context(), info.ID))(t)
	if info.Files != 2 || info.Bytes != 3 || len(tree.Files) != 2 || tree.Files[0].Path != "a.txt" || tree.Files[1].Path != "dir/b.txt" {
		t.Errorf("tree %+v of %+v", tree, info)
	}
	for name, body := range map[string]string{"no tar": "hello hello", "cut": string(b.Bytes()[:300])} {
		if _, err := c.PutTree(t.Context(), strings.NewReader(body)); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

// testJobs uses a job that nobody may run, so that it stands still.
func testJobs(t *testing.T, c *api.Client) {
	ctx := t.Context()
	module := must(c.PutBlob(ctx, strings.NewReader("\x00asm\x01\x00\x00\x00")))(t)
	job := must(c.SubmitJob(ctx, api.JobSpec{Name: "still", Module: module.ID, Command: []string{"x", "{n}"}, Where: "false", Each: []api.Axis{{Name: "n", From: 1, To: 30}}}))(t)
	if job.Tasks.Total != 30 || job.State != api.JobRunning {
		t.Fatalf("job %+v", job)
	}
	part := job.ID[:len(job.ID)-2]
	detail := must(c.Job(ctx, part))(t)
	if detail.ID != job.ID || detail.Spec.Name != "still" {
		t.Errorf("detail %+v", detail)
	}
	if jobs := must(c.Jobs(ctx))(t); len(jobs) != 1 {
		t.Errorf("jobs %+v", jobs)
	}
	var seen []api.TaskID
	for from := api.TaskID(0); ; {
		page := must(c.Tasks(ctx, part, api.TaskQuery{From: from, Limit: 7}))(t)
		if len(page) == 0 {
			break
		}
		for _, task := range page {
			seen = append(seen, task.ID)
		}
		from = page[len(page)-1].ID + 1
	}
	if len(seen) != 30 || seen[0] != 0 || seen[29] != 29 {
		t.Errorf("paged through %v", seen)
	}
	if task := must(c.Task(ctx, part, 4))(t); task.ID != 4 || task.Each["n"] != "5" {
		t.Errorf("task %+v", task)
	}
	_, err := c.Task(ctx, part, 30)
	wantKind(t, err, api.KindNotFound)
	if why := must(c.WhyJob(ctx, part))(t); why.Waiting != 30 {
		t.Errorf("why %+v", why)
	}
	wantKind(t, c.TaskLog(ctx, job.ID, 30, true, func(api.LogChunk) error { return nil }), api.KindNotFound)
	soon, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	silent, err := c.Do(soon, "GET", "/v1/jobs/"+string(job.ID)+"/tasks/4/log?follow=true", "", nil)
	if err != nil {
		t.Fatalf("the log of a task that says nothing: %v", err)
	}
	silent.Body.Close()
	wantKind(t, c.RemoveJob(ctx, part), api.KindConflict)
	if err := errors.Join(c.PauseJob(ctx, part), c.ResumeJob(ctx, part)); err != nil {
		t.Error(err)
	}
	watched := make(chan error, 1)
	first := make(chan struct{})
	go func() {
		var events int
		watched <- c.WatchJob(ctx, part, func(e api.Event) error {
			if events++; events == 1 {
				close(first)
			}
			return nil
		})
	}()
	<-first
	if err := c.CancelJob(ctx, part, "enough"); err != nil {
		t.Error(err)
	}
	if err := <-watched; err != nil {
		t.Errorf("watch: %v", err)
	}
	if err := c.WatchJob(ctx, part, func(api.Event) error { return nil }); err != nil {
		t.Errorf("watching what has ended: %v", err)
	}
	if end := must(c.Job(ctx, part))(t); end.State != api.JobCanceled || end.Reason == "" {
		t.Errorf("ended as %+v", end.Job)
	}
	if n := must(c.RetryJob(ctx, part))(t); n.Tasks != 30 {
		t.Errorf("%d tasks wait again", n.Tasks)
	}
	_, err = c.SubmitJob(ctx, api.JobSpec{Module: module.ID, Command: []string{"x"}, On: []api.PeerID{"nobody-knows"}})
	wantKind(t, err, api.KindNotFound)
	_, err = c.SubmitJob(ctx, api.JobSpec{Module: module.ID, Command: []string{"{unknown}"}})
	wantKind(t, err, api.KindInvalid)
	_, err = c.SubmitJob(ctx, api.JobSpec{Module: module.ID, Retry: 101})
	wantKind(t, err, api.KindInvalid)
}

func testLend(t *testing.T, c *api.Client) {
	ctx := t.Context()
	s := must(c.Lend(ctx))(t)
	for begun := time.Now(); s.State == api.LendOff && time.Since(begun) < 20*time.Second; s = must(c.Lend(ctx))(t) {
		time.Sleep(20 * time.Millisecond) // it looks at the machine first
	}
	if s.State != api.LendOpen || s.Total.CPU <= 0 {
		t.Errorf("lend %+v", s)
	}
	if boxes := must(c.Sandboxes(ctx))(t); len(boxes) != 0 {
		t.Errorf("sandboxes %+v", boxes)
	}
	if err := c.PauseLending(ctx, "lunch"); err != nil {
		t.Error(err)
	}
	if s := must(c.Lend(ctx))(t); s.State != api.LendPaused || s.Reason != "lunch" {
		t.Errorf("paused: %+v", s)
	}
	if err := errors.Join(c.ResumeLending(ctx), c.DrainLending(ctx, ""), c.ResumeLending(ctx)); err != nil {
		t.Error(err)
	}
	l := must(c.Limits(ctx))(t)
	l.Total.CPU = 1
	if err := c.SetLimits(ctx, l); err != nil {
		t.Error(err)
	}
	if s := must(c.Lend(ctx))(t); s.Total.CPU != 1 {
		t.Errorf("limits did not take effect: %+v", s.Total)
	}
	l.Total.CPU = -1
	wantKind(t, c.SetLimits(ctx, l), api.KindInvalid)
	rules := []api.Rule{{Subject: "role:member", Action: "run", Resource: "runtime:wasm", Allow: true}}
	if err := c.SetPolicy(ctx, rules); err != nil {
		t.Error(err)
	}
	if got := must(c.Policy(ctx))(t); len(got) != 1 || got[0] != rules[0] {
		t.Errorf("policy %+v", got)
	}
	wantKind(t, c.SetPolicy(ctx, []api.Rule{{Subject: "", Action: "run", Resource: "*"}}), api.KindInvalid)
	if rows := must(c.Usage(ctx, []string{"peer", "day"}, time.Now().Add(-time.Hour)))(t); len(rows) != 0 {
		t.Errorf("usage %+v", rows)
	}
	_, err := c.Usage(ctx, []string{"colour"}, time.Time{})
	wantKind(t, err, api.KindInvalid)
}

func testEvents(t *testing.T, c *api.Client) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	stop := errors.New("seen")
	pause := func() {
		if err := errors.Join(c.PauseLending(ctx, "for an event"), c.ResumeLending(ctx)); err != nil {
			t.Error(err)
		}
	}
	pause()
	var last api.Cursor
	err := c.Events(ctx, 0, false, func(e api.Event) error {
		if e.Cursor <= last || e.Time.IsZero() {
			t.Errorf("event %+v after %d", e, last)
		}
		last = e.Cursor
		return nil
	})
	if err != nil || last == 0 {
		t.Fatalf("read to %d, %v", last, err)
	}
	paused := make(chan struct{})
	go func() { defer close(paused); pause() }()
	err = c.Events(ctx, last, true, func(e api.Event) error {
		if e.Cursor <= last {
			t.Errorf("event %d again", e.Cursor)
		}
		if e.Type == api.EventLend {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) {
		t.Errorf("followed to %v", err)
	}
	<-paused
	err = c.Events(ctx, 1, false, func(e api.Event) error {
		if e.Type != api.EventGap {
			t.Errorf("an ancient cursor gave %+v first", e)
		}
		return stop
	})
	if !errors.Is(err, stop) {
		t.Errorf("an ancient cursor: %v", err)
	}
}

func testNotFound(t *testing.T, c *api.Client) {
	ctx := t.Context()
	const job, box = "01J00000000000000000000000", "nothing"
	_, err := c.Peer(ctx, "nobody-knows")
	wantKind(t, err, api.KindNotFound)
	_, err = c.PingPeer(ctx, "nobody-knows")
	wantKind(t, err, api.KindNotFound)
	_, err = c.SpeedPeer(ctx, "nobody-knows")
	wantKind(t, err, api.KindNotFound)
	_, err = c.PeerSpecs(ctx, "nobody-knows")
	wantKind(t, err, api.KindNotFound)
	_, _, err = c.GetBlob(ctx, api.BlobID{1})
	wantKind(t, err, api.KindNotFound)
	_, err = c.GetTree(ctx, api.BlobID{1})
	wantKind(t, err, api.KindNotFound)
	for _, id := range []api.JobID{job, "x"} {
		_, err = c.Job(ctx, id)
		wantKind(t, err, api.KindNotFound)
		_, err = c.Tasks(ctx, id, api.TaskQuery{})
		wantKind(t, err, api.KindNotFound)
		_, err = c.WhyJob(ctx, id)
		wantKind(t, err, api.KindNotFound)
		wantKind(t, c.WatchJob(ctx, id, func(api.Event) error { return nil }), api.KindNotFound)
		wantKind(t, c.Results(ctx, id, func(api.Task) error { return nil }), api.KindNotFound)
		wantKind(t, c.TaskLog(ctx, id, 0, false, func(api.LogChunk) error { return nil }), api.KindNotFound)
		wantKind(t, errors.Join(c.PauseJob(ctx, id)), api.KindNotFound)
		wantKind(t, c.CancelJob(ctx, id, ""), api.KindNotFound)
		wantKind(t, c.RemoveJob(ctx, id), api.KindNotFound)
	}
	wantKind(t, c.KillSandbox(ctx, box, ""), api.KindNotFound)
	wantKind(t, c.PauseSandbox(ctx, box), api.KindNotFound)
	wantKind(t, c.RevokeInvite(ctx, "nothing"), api.KindNotFound)
}

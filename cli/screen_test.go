package cli

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

func progressJob(done int64) api.Job {
	return api.Job{ID: jobID, State: api.JobRunning, Rate: 12.34, ETA: api.Duration(75 * time.Second), Tasks: api.TaskCounts{Total: 100, Done: done, Running: 2, Failed: 1},
		Nodes: []api.NodeProgress{{Name: "alpha", Done: done, Running: 2, State: "working"}, {Name: "beta\x1b[2J", Lost: 1, State: "lost", Reason: "connection refused"}}}
}

func TestPlainProgressIsALineNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b strings.Builder
		s := newScreen(&output{stderr: &b}, false)
		for i := range int64(100) { // ten seconds of events
			s.Show(progressJob(i / 10))
			time.Sleep(100 * time.Millisecond)
		}
		s.Done()
		want := "3/100 done, 1 failed, 2 running, 12.3 tasks/s, 1m15s left\n6/100 done, 1 failed, 2 running, 12.3 tasks/s, 1m15s left\n9/100 done, 1 failed, 2 running, 12.3 tasks/s, 1m15s left\n"
		if b.String() != want {
			t.Errorf("got\n%s", b.String())
		}
	})
}

func TestProgressOnATerminal(t *testing.T) {
	var b strings.Builder
	s := newScreen(&output{stderr: &b, errWidth: 100}, false)
	s.Show(progressJob(50))
	want := "  alpha    ▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪▪ 50 done, 2 running\n" +
		"  beta?[2J ················ 0 done, 1 lost, lost: connection refused\n" +
		"  total    ████████████············ 50/100 done, 1 failed, 2 running, 12.3 tasks/s, 1m15s left\n"
	if b.String() != want {
		t.Errorf("got\n%s", b.String())
	}
	b.Reset()
	s.Note("hello")
	if b.String() != "\x1b[3A\x1b[Jhello\n"+want {
		t.Errorf("a note stands above the block: %q", b.String())
	}
	b.Reset()
	s.Done()
	s.Done()
	if b.String() != "\x1b[3A\x1b[J" {
		t.Errorf("%q", b.String())
	}
	b.Reset()
	narrow := newScreen(&output{stderr: &b, errWidth: 30}, false)
	narrow.Show(progressJob(50))
	for line := range strings.SplitSeq(strings.TrimSpace(b.String()), "\n") {
		if n := len([]rune(line)); n > 29 {
			t.Errorf("%d columns: a line that wraps cannot be redrawn: %s", n, line)
		}
	}
	b.Reset()
	many := progressJob(1)
	for range 20 {
		many.Nodes = append(many.Nodes, api.NodeProgress{Name: "n"})
	}
	s.Show(many)
	if !strings.Contains(b.String(), "and 10 nodes more") || strings.Count(b.String(), "\n") != maxNodeLines+2 {
		t.Errorf("%s", b.String())
	}
}

func TestPeersWatch(t *testing.T) {
	w := newWorld(t).serve()
	w.mux.HandleFunc("GET /v1/events", func(rw http.ResponseWriter, r *http.Request) {
		enc := json.NewEncoder(rw)
		for _, typ := range []api.EventType{api.EventJob, api.EventPeer, api.EventMember} {
			if err := enc.Encode(api.Event{Type: typ}); err != nil {
				t.Error(err)
			}
		}
		rw.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	var shown atomic.Int32
	w.mux.HandleFunc("GET /v1/peers", func(rw http.ResponseWriter, r *http.Request) {
		if shown.Load() == 2 { // asked before the interrupt was heeded
			<-r.Context().Done()
			return
		}
		if err := json.NewEncoder(rw).Encode(somePeers()); err != nil {
			t.Error(err)
		}
		if shown.Add(1) == 2 {
			w.signals <- os.Interrupt
		}
	})
	w.want(130, "alpha", "", "peers", "--watch")
	if n := shown.Load(); n != 2 {
		t.Errorf("%d tables", n)
	}
	w.want(2, "", "not one peer", "peers", "--watch", "alpha")
}

package docker

import (
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
)

// An engine that takes requests and answers none holds a sandbox up for so long and
// no longer; the task runs elsewhere.
func TestSilentEngine(t *testing.T) {
	sock := filepath.Join(t.TempDir(), "sock")
	ln, err := net.Listen("unix", sock)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		var conns []net.Conn
		for {
			c, err := ln.Accept()
			if err != nil {
				break
			}
			conns = append(conns, c)
		}
		for _, c := range conns {
			c.Close()
		}
	})
	defer all.Wait()
	defer ln.Close()
	e, err := New(Config{Host: "unix://" + sock, Node: "test", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	e.within = 50 * time.Millisecond
	r := NewRuntime(e)
	if _, err := r.Open(t.Context(), runtime.Spec{ID: "silent", Image: "any"}); api.KindOf(err) != api.KindUnavailable {
		t.Errorf("a sandbox: %v", err)
	}
	p := &place{r: r, box: Box{Owner: Owner{Kind: KindTask, Sandbox: "silent"}}}
	if _, err := p.Start(t.Context()); api.KindOf(err) != api.KindUnavailable {
		t.Errorf("an agent: %v", err)
	}
	if err := p.Remove(t.Context()); err == nil {
		t.Error("what nobody removed is gone")
	}
}

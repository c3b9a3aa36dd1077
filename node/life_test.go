package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/config"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestPartsStopInReverse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var stopped []string
		parts := make([]part, 4)
		for i := range parts {
			name := fmt.Sprint(i)
			parts[i] = part{name, func(ctx context.Context) error {
				<-ctx.Done()
				time.Sleep(time.Duration(4-i) * time.Second) // synctest's clock: a part takes its time to stop
				mu.Lock()
				defer mu.Unlock()
				stopped = append(stopped, name)
				return ctx.Err()
			}}
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Minute, cancel)
		if err := live(ctx, quiet(), parts); err != nil {
			t.Error(err)
		}
		if !slices.Equal(stopped, []string{"3", "2", "1", "0"}) {
			t.Errorf("stopped in order %v", stopped)
		}
	})
}

func TestOnePartsEndEndsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		boom := errors.New("boom")
		for name, c := range map[string]struct {
			err  error
			says string
		}{"failed": {boom, "b: boom"}, "ended": {nil, "b: ended by itself"}, "foreign context": {context.Canceled, "b: context canceled"}} {
			gone := false
			err := live(t.Context(), quiet(), []part{
				{"a", func(ctx context.Context) error { <-ctx.Done(); gone = true; return nil }},
				{"b", func(context.Context) error { return c.err }},
			})
			if err == nil || err.Error() != c.says || !gone {
				t.Errorf("%s: %v, first part gone: %v", name, err, gone)
			}
		}
	})
}

func TestRefusalsAreBoundedWhereTheyCost(t *testing.T) {
	var told int
	r := refusals{log: quiet(), publish: func(api.Event) { told++ }}
	for range 10_000 {
		r.note("member x", "GET /v1/status", "no")
	}
	if r.sum() != 10_000 || told < toldPerSecond || told > 50*toldPerSecond {
		t.Errorf("%d counted, %d told", r.sum(), told)
	}
}

func TestTasksStop(t *testing.T) {
	tasks := newTasks()
	began := make(chan struct{})
	if !tasks.start(func(ctx context.Context) { close(began); <-ctx.Done() }) {
		t.Fatal("did not start")
	}
	<-began
	tasks.stop()
	if tasks.start(func(context.Context) { t.Error("started after the end") }) {
		t.Error("said that it started")
	}
}

// taken is a TCP port that is in use until the test ends.
func taken(t *testing.T) int {
	t.Helper()
	ln, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ln.Close(); err != nil {
			t.Error(err)
		}
	})
	return ln.Addr().(*net.TCPAddr).Port
}

func TestSetPortThatIsTaken(t *testing.T) {
	opts := options(t, "anna")
	opts.Listen, opts.Port = nil, taken(t)
	n, err := New(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	err = n.Run(t.Context())
	if api.KindOf(err) != api.KindConflict || api.HintOf(err) == "" || !strings.Contains(err.Error(), strconv.Itoa(opts.Port)) {
		t.Errorf("%s: %v (hint %q)", api.KindOf(err), err, api.HintOf(err))
	}
	opts.Port = 0 // the home was given free
	start(t, opts)
}

func TestPortNobodySetIsKept(t *testing.T) {
	opts := options(t, "anna")
	opts.Listen = nil
	f, err := config.Open(opts.Home, nil)
	if err != nil {
		t.Fatal(err)
	}
	busy := taken(t)
	if err := f.Update(func(c *config.Config) error { c.Listen.Kept = busy; return nil }); err != nil {
		t.Fatal(err)
	}
	n, stop := start(t, opts)
	port := n.net.Port()
	if port == busy || port == 0 {
		t.Fatalf("listens on %d", port)
	}
	waitFor(t, n, "the port to be kept", func() bool { return n.config.Get().Listen.Kept == port })
	stop()
	again, _ := start(t, opts)
	if again.net.Port() != port {
		t.Errorf("moved from %d to %d", port, again.net.Port())
	}
}

package abstractions

import (
	"context"
	"errors"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/agent"
	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/config"
	"github.com/Akilan1999/p2p-rendering-computation/internal/leak"
)

// The test binary is the agent of its nodes: they find it as p2prc on PATH.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "agent" {
		os.Exit(agent.Main(os.Args[2:]))
	}
	flag.Parse()
	os.Exit(withAgent(m))
}

func withAgent(m *testing.M) int {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	dir, err := os.MkdirTemp("", "p2prc")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Symlink(self, filepath.Join(dir, "p2prc")); err != nil {
		panic(err)
	}
	os.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	return leak.Run(m)
}

// home gives the test a home of its own on the loopback interface.
func home(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "p2prc") // t.TempDir's path may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(Stop(), os.RemoveAll(dir)); err != nil {
			t.Error(err)
		}
	})
	t.Setenv("P2PRC", dir)
	t.Setenv("P2PRC_HOSTS", "127.0.0.1")
	t.Setenv("P2PRC_MDNS", "false")
	std = embedded{}
	return dir
}

func TestInit(t *testing.T) {
	home(t)
	c, err := Init(nil)
	if err != nil || c.MDNS || c.Name == "" {
		t.Fatalf("got %+v, %v", c, err)
	}
	if c, err = Init(map[string]any{"name": "studio"}); err != nil || c.Name != "studio" {
		t.Errorf("by JSON: %+v, %v", c, err)
	}
	if c, err = Init(func(c *config.Config) { c.Meta = "hi" }); err != nil || c.Meta != "hi" || c.Name != "studio" {
		t.Errorf("by function: %+v, %v", c, err)
	}
	whole := config.Default()
	whole.Name = "other"
	if c, err = Init(&whole); err != nil || c.Name != "other" || c.Meta != "" {
		t.Errorf("as a whole: %+v, %v", c, err)
	}
	for name, bad := range map[string]any{
		"unknown key":    map[string]any{"nmae": "x"},
		"wrong type":     map[string]any{"name": 3},
		"no JSON":        make(chan int),
		"makes no sense": func(c *config.Config) { c.Listen.Port = -1 },
	} {
		if _, err := Init(bad); api.KindOf(err) != api.KindInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if c, err = Init(nil); err != nil || c.Name != "other" {
		t.Errorf("after bad settings: %+v, %v", c, err)
	}
}

func TestWithoutANode(t *testing.T) {
	home(t)
	if _, err := ViewIPTable(); api.KindOf(err) != api.KindNotRunning {
		t.Errorf("ViewIPTable: %v", err)
	}
	if err := UpdateIPTable(); api.KindOf(err) != api.KindNotRunning {
		t.Errorf("UpdateIPTable: %v", err)
	}
	if err := AddRootNode("127.0.0.1", "1"); api.KindOf(err) != api.KindNotRunning {
		t.Errorf("AddRootNode: %v", err)
	}
	if err := AddCustomInformation("x"); api.KindOf(err) != api.KindNotRunning {
		t.Errorf("AddCustomInformation: %v", err)
	}
	if _, err := GetSpecs("127.0.0.1"); api.KindOf(err) != api.KindNotRunning {
		t.Errorf("GetSpecs: %v", err)
	}
	if err := Stop(); err != nil {
		t.Errorf("Stop: %v", err)
	}
}

func TestStart(t *testing.T) {
	home(t)
	if _, err := Init(map[string]any{"name": "studio"}); err != nil {
		t.Fatal(err)
	}
	routes, err := Start()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Start(); api.KindOf(err) != api.KindConflict {
		t.Errorf("a second start: %v", err)
	}
	if _, err := Init(nil); api.KindOf(err) != api.KindConflict {
		t.Errorf("Init while it runs: %v", err)
	}
	checkRoutes(t, routes)

	if err := AddCustomInformation("room 12"); err != nil {
		t.Fatal(err)
	}
	table, err := ViewIPTable()
	if err != nil || len(table) != 1 || table[0].State != api.PeerSelf || table[0].Name != "studio" || table[0].Meta != "room 12" {
		t.Errorf("the table is %+v, %v", table, err)
	}
	if err := UpdateIPTable(); err != nil {
		t.Error(err)
	}
	if s, err := GetSpecs(""); err != nil || s.Cores < 1 {
		t.Errorf("specs are %+v, %v", s, err)
	}
	if err := AddRootNode("127.0.0.1", "1"); err == nil {
		t.Error("a root node that is not there was taken")
	}
	blob, err := Upload(t.Context(), strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := Download(t.Context(), blob)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(r); string(b) != "hello" || err != nil || r.Close() != nil {
		t.Errorf("got %q, %v", b, err)
	}
	c, err := Client()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.PauseLending(t.Context(), "lunch"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for e, err := range Events(ctx, 0) {
		if err != nil {
			t.Fatalf("lending was paused and no event came: %v", err)
		}
		if e.Type == api.EventLend {
			break
		}
	}

	if err := Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := http.Get("http://" + routes.Addr()); err == nil {
		t.Error("the routes are served after Stop")
	}
	if _, err := Start(); err != nil {
		t.Errorf("starting again: %v", err)
	}
}

func checkRoutes(t *testing.T, routes *Routes) {
	t.Helper()
	routes.HandleFunc("POST /hello", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hi") })
	for _, c := range []struct {
		host, origin string
		want         int
	}{
		{"", "", http.StatusOK},
		{"localhost:1", "", http.StatusOK},
		{"evil.example", "", http.StatusMisdirectedRequest},
		{"", "https://evil.example", http.StatusForbidden},
	} {
		req, err := http.NewRequest(http.MethodPost, "http://"+routes.Addr()+"/hello", nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.host != "" {
			req.Host = c.host
		}
		if c.origin != "" {
			req.Header.Set("Origin", c.origin)
			req.Header.Set("Sec-Fetch-Site", "cross-site")
		}
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != c.want {
			t.Errorf("host %q origin %q: status %d, want %d", c.host, c.origin, resp.StatusCode, c.want)
		}
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}

func TestHomeInUse(t *testing.T) {
	home(t)
	if _, err := Start(); err != nil {
		t.Fatal(err)
	}
	mine, routes := std.node, std.routes
	std.node = nil
	_, err := Start()
	std.node, std.routes = mine, routes
	if api.KindOf(err) != api.KindConflict || api.HintOf(err) == "" {
		t.Errorf("a home that is in use: %v", err)
	}
}

func TestAgentIsLookedFor(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", "")
	if got := findAgent(dir); got != nil {
		t.Errorf("nowhere: %q", got)
	}
	for _, where := range []string{dir, t.TempDir()} { // in the home, then on PATH
		if err := os.WriteFile(where+"/p2prc", []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		if where != dir {
			t.Setenv("PATH", where)
		}
		if got := findAgent(dir); len(got) != 2 || got[0] != where+"/p2prc" || got[1] != "agent" {
			t.Errorf("got %q, want the one in %s", got, where)
		}
	}
}

package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// serve answers every request with h and gives a client of it.
func serve(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return NewHTTPClient(s.URL+"/", s.Client())
}

func TestProblemBecomesTheErrorItWas(t *testing.T) {
	for _, kind := range Kinds() {
		if kind.Status() < 300 {
			continue // tasks_failed: an answer, not a refusal
		}
		sent := &Error{Op: "join", Kind: kind, Msg: "no", Hint: "try this", Err: errors.New("inner")}
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			p := ProblemOf(sent, true)
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(p.Status)
			if err := json.NewEncoder(w).Encode(p); err != nil {
				t.Error(err)
			}
		})
		_, err := c.Status(t.Context())
		var got *Error
		if !errors.As(err, &got) || got.Kind != kind || got.Op != "join" || got.Msg != "no: inner" || got.Hint != "try this" {
			t.Errorf("%s arrived as %#v", kind, err)
		}
	}
}

func TestAnswersThatAreNotOurs(t *testing.T) {
	for name, c := range map[string]struct {
		h    http.HandlerFunc
		kind Kind
	}{
		"html 404":   {func(w http.ResponseWriter, r *http.Request) { http.Error(w, "<h1>no</h1>", http.StatusNotFound) }, KindUnsupported},
		"html 403":   {func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no", http.StatusForbidden) }, KindDenied},
		"html 502":   {func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no", http.StatusBadGateway) }, KindUnavailable},
		"not json":   {func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "hello") }, KindCorrupt},
		"other json": {func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, `{"peers":"many"}`) }, KindCorrupt},
		"cut off": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, `{"id":"12D`)
		}, KindUnavailable},
		"dropped": {func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) }, KindUnavailable},
	} {
		_, err := serve(t, c.h).Status(t.Context())
		if KindOf(err) != c.kind {
			t.Errorf("%s: %s: %v", name, KindOf(err), err)
		}
	}
}

func TestNoNodeRunning(t *testing.T) {
	dir := t.TempDir()
	dead := filepath.Join(dir, "dead.sock")
	ln, err := net.Listen("unix", dead)
	if err != nil {
		t.Fatal(err)
	}
	ln.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(dir, "none.sock"), dead} {
		_, err := NewClient(path).Status(t.Context())
		if KindOf(err) != KindNotRunning || !strings.Contains(err.Error(), path) || HintOf(err) != "start one with: p2prc up" {
			t.Errorf("%s: %v (hint %q)", path, err, HintOf(err))
		}
		if strings.Contains(err.Error(), "dial") {
			t.Errorf("the system's words are in it: %v", err)
		}
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewClient(file).Status(t.Context()); KindOf(err) != KindNotRunning {
		t.Errorf("a file is not a socket: %v", err)
	}
}

func TestErrorOfTheDialerIsKept(t *testing.T) {
	hc := &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return nil, Errorf(KindNotFound, "no such peer").WithHint("look")
	}}}
	if _, err := NewHTTPClient("http://peer", hc).Specs(t.Context()); KindOf(err) != KindNotFound || HintOf(err) != "look" {
		t.Errorf("%v", err)
	}
}

func TestContextEndsACall(t *testing.T) {
	hold := make(chan struct{})
	t.Cleanup(func() { close(hold) })
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-hold:
		case <-r.Context().Done():
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := c.Status(ctx); KindOf(err) != KindTimeout {
		t.Errorf("%v", err)
	}
}

func TestStreamRows(t *testing.T) {
	lines := func(s string) *Client {
		return serve(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, s) })
	}
	read := func(c *Client) (string, error) {
		var seen []string
		err := c.Results(t.Context(), "J", func(task Task) error {
			seen = append(seen, task.ID.String())
			if task.ID == 9 {
				return io.ErrShortWrite
			}
			return nil
		})
		return strings.Join(seen, " "), err
	}
	if got, err := read(lines("{\"id\":1}\n\n{\"id\":2}")); got != "1 2" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := read(lines("")); got != "" || err != nil {
		t.Errorf("empty: %q, %v", got, err)
	}
	got, err := read(lines("{\"id\":1}\n{\"problem\":{\"kind\":\"lost\",\"detail\":\"gone\",\"hint\":\"again\"}}\n"))
	if got != "1" || KindOf(err) != KindLost || HintOf(err) != "again" {
		t.Errorf("problem: %q, %v", got, err)
	}
	if got, err := read(lines("{\"id\":9}\n{\"id\":2}\n")); got != "9" || err != io.ErrShortWrite {
		t.Errorf("the reader's own error: %q, %v", got, err)
	}
	if _, err := read(lines("{\"id\":1}\n{\"id\":")); KindOf(err) != KindCorrupt {
		t.Errorf("half a row: %v", err)
	}
	if _, err := read(lines(`{"x":"` + strings.Repeat("x", maxStreamRow) + `"}`)); KindOf(err) != KindTooLarge {
		t.Errorf("an endless row: %v", err)
	}
	cut := serve(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, `{"id":1}`)
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	if got, err := read(cut); got != "1" || KindOf(err) != KindUnavailable {
		t.Errorf("cut: %q, %v", got, err)
	}
}

// An unset variable of a script must not become another request.
func TestEmptyWordsAreNotSent(t *testing.T) {
	c := serve(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s was sent", r.URL) })
	_, peer := c.Peer(t.Context(), "")
	for _, err := range []error{peer, c.RemoveJob(t.Context(), ""), c.CancelJob(t.Context(), "", "because")} {
		if KindOf(err) != KindUsage {
			t.Errorf("%v is of kind %s", err, KindOf(err))
		}
	}
}

func TestArgumentsArriveAsTheyAre(t *testing.T) {
	var seen string
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/peers/{peer}", func(w http.ResponseWriter, r *http.Request) {
		seen = r.PathValue("peer")
		fmt.Fprint(w, "{}")
	})
	mux.HandleFunc("GET /v1/jobs/{job}/tasks", func(w http.ResponseWriter, r *http.Request) {
		seen = r.URL.RawQuery
		fmt.Fprint(w, "[]")
	})
	mux.HandleFunc("GET /v1/lend/usage", func(w http.ResponseWriter, r *http.Request) {
		seen = r.URL.RawQuery
		fmt.Fprint(w, "[]")
	})
	c := serve(t, mux.ServeHTTP)
	for _, name := range []string{"anna", "10.0.0.1:4001", "/ip4/10.0.0.1/tcp/4001", "a b%2f?c#d", "[::1]:4001", "ä"} {
		if _, err := c.Peer(t.Context(), name); err != nil || seen != name {
			t.Errorf("%q arrived as %q, %v", name, seen, err)
		}
	}
	if _, err := c.Tasks(t.Context(), "J", TaskQuery{}); err != nil || seen != "after=-1" {
		t.Errorf("the first page is %q, %v", seen, err)
	}
	if _, err := c.Tasks(t.Context(), "J", TaskQuery{State: TaskFailed, From: 1000, Limit: 5}); err != nil || seen != "after=999&limit=5&state=failed" {
		t.Errorf("the next page is %q, %v", seen, err)
	}
	since := time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("x", 3600))
	if _, err := c.Usage(t.Context(), []string{"peer", "day"}, since); err != nil || seen != "by=peer%2Cday&since=2026-01-02T02%3A04%3A05Z" {
		t.Errorf("usage asks %q, %v", seen, err)
	}
}

// Who is handed the socket reads what the server says from its first byte on.
func TestSSHSocketIsHandedOver(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	ln, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/containers/box/ssh" || r.Header.Get("Upgrade") != SSHProtocol {
			p := ProblemOf(Errorf(KindNotFound, "no such container").WithHint("list them"), true)
			w.WriteHeader(p.Status)
			if err := json.NewEncoder(w).Encode(p); err != nil {
				t.Error(err)
			}
			return
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "+SSHProtocol+"\r\n\r\nSSH-2.0-x\r\n")
		conn.Close()
	})}
	served := make(chan struct{})
	go func() { defer close(served); _ = s.Serve(ln) }()
	t.Cleanup(func() { s.Close(); <-served })
	c := NewClient(socket)
	conn, err := c.ContainerSSHSocket(t.Context(), "box")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got, err := io.ReadAll(conn); err != nil || string(got) != "SSH-2.0-x\r\n" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := c.ContainerSSHSocket(t.Context(), "other"); KindOf(err) != KindNotFound || HintOf(err) != "list them" {
		t.Errorf("another container: %v", err)
	}
	if _, err := NewClient(socket+"x").ContainerSSHSocket(t.Context(), "box"); KindOf(err) != KindNotRunning {
		t.Errorf("no node: %v", err)
	}
}

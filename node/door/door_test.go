package door

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

type nested struct {
	Count int `json:"count" minimum:"1"`
}

type thingIn struct {
	Name string `path:"name"`
	Body struct {
		Thing nested `json:"thing"`
		Note  string `json:"note,omitempty" maxLength:"5"`
	}
}

type rowOut struct {
	N int `json:"n"`
}

func table(extra ...Row) []Row {
	return append([]Row{
		{Method: "GET", Path: "/v1/own", Permission: Own, Audience: Owner, ID: "own", Handler: Get(func(context.Context, *None) (string, error) { return "own", nil })},
		{Method: "GET", Path: "/v1/both", Permission: Member, Audience: Both, ID: "both", Handler: Get(func(ctx context.Context, _ *None) (string, error) { return WhoOf(ctx).String(), nil })},
		{Method: "GET", Path: "/v1/borrow", Permission: Borrow, Audience: Peer, ID: "borrow", Handler: Do(func(context.Context, *None) error { return nil })},
		{Method: "PUT", Path: "/v1/things/{name}", Permission: Own, Audience: Owner, MaxBody: 200, ID: "put", Handler: Do(func(_ context.Context, in *thingIn) error {
			if in.Name == "fail" {
				return (&api.Error{Op: "put", Kind: api.KindConflict, Msg: "it is taken", Hint: "take another", Err: errors.New("inner")})
			}
			if in.Name == "panic" {
				panic("boom")
			}
			return nil
		})},
		{Method: "POST", Path: "/v1/bytes", Permission: Own, Audience: Owner, MaxBody: 1000, ID: "bytes", Handler: Upload("application/octet-stream", func(_ context.Context, _ *None, body io.Reader) (int64, error) {
			n, err := io.Copy(io.Discard, body)
			return n, err
		})},
		{Method: "GET", Path: "/v1/rows/{name}", Permission: Own, Audience: Owner, ID: "rows", Handler: Stream(func(_ context.Context, in *struct {
			Name string `path:"name"`
		}, out *Sink[rowOut]) error {
			if in.Name == "early" {
				return api.Errorf(api.KindNotFound, "no rows")
			}
			for i := range 3 {
				if err := out.Send(rowOut{i}); err != nil {
					return err
				}
			}
			switch in.Name {
			case "late":
				return api.Errorf(api.KindLost, "lost on the way").WithHint("again")
			case "panic":
				panic("boom")
			}
			return nil
		})},
	}, extra...)
}

type refusal struct{ who, route, reason string }

type refusalLog struct {
	mu  sync.Mutex
	all []refusal
}

func (l *refusalLog) note(who Who, route, reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, refusal{who.String(), route, reason})
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func ask(t *testing.T, h http.Handler, who Who, method, path, contentType, body string) (*http.Response, string) {
	t.Helper()
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	w := httptest.NewRecorder()
	As(who, h).ServeHTTP(w, req)
	return w.Result(), w.Body.String()
}

var theOwner = Who{Caller: api.Caller{Owner: true}}

func member(role api.Role) Who { return Who{Caller: api.Caller{Peer: "12D3", Role: role}} }

func TestDecide(t *testing.T) {
	nobody := Who{Nobody: "another user"}
	for _, c := range []struct {
		p    Permission
		who  Who
		want bool
	}{
		{Own, theOwner, true}, {Member, theOwner, true}, {Borrow, theOwner, true},
		{Own, nobody, false}, {Member, nobody, false}, {Borrow, nobody, false},
		{Own, member(api.RoleAdmin), false}, {Member, member(api.RoleAdmin), true}, {Borrow, member(api.RoleAdmin), true},
		{Member, member(api.RoleMember), true}, {Borrow, member(api.RoleMember), true},
		{Member, member(api.RoleLender), true}, {Borrow, member(api.RoleLender), false},
		{Member, member(api.RoleBorrower), true}, {Borrow, member(api.RoleBorrower), true},
		{Member, member("root"), false}, {Borrow, member(""), false},
		{Permission("forgotten"), member(api.RoleAdmin), false},
	} {
		err := c.p.Decide(c.who)
		if (err == nil) != c.want || err != nil && api.KindOf(err) != api.KindDenied {
			t.Errorf("%s by %q: %v", c.p, c.who, err)
		}
	}
}

func TestPeersDoorHoldsOnlyItsRows(t *testing.T) {
	var refused refusalLog
	d := New(Peer, table(), quiet(), refused.note)
	for path, want := range map[string]int{"/v1/own": 404, "/v1/both": 200, "/v1/borrow": 204, "/v1/things/x": 404, "/v1/rows/x": 404, "/v1/": 404, "/v1//both": 404, "/v1/x/../own": 404} {
		if resp, body := ask(t, d, member(api.RoleAdmin), "GET", path, "", ""); resp.StatusCode != want {
			t.Errorf("%s: %d %s", path, resp.StatusCode, body)
		}
	}
	if len(refused.all) < 5 {
		t.Errorf("refusals told: %v", refused.all)
	}
	if resp, _ := ask(t, d, member(api.RoleLender), "GET", "/v1/borrow", "", ""); resp.StatusCode != 403 {
		t.Errorf("a lender got %d", resp.StatusCode)
	}
	last := refused.all[len(refused.all)-1]
	if last != (refusal{"lender 12D3", "GET /v1/borrow", "role lender does not borrow"}) {
		t.Errorf("told %+v", last)
	}
}

func TestNoHeaderMakesACaller(t *testing.T) {
	var refused refusalLog
	d := New(Owner, table(), quiet(), refused.note)
	req := httptest.NewRequest("GET", "/v1/own", nil)
	for _, h := range []string{"Authorization", "X-Forwarded-For", "X-Forwarded-User", "X-P2PRC-Caller", "X-Remote-User", "Forwarded"} {
		req.Header.Set(h, "owner")
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, req)
	if w.Code != 403 || len(refused.all) != 1 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func problemOf(t *testing.T, resp *http.Response, body string) api.Problem {
	t.Helper()
	var p api.Problem
	if err := json.Unmarshal([]byte(body), &p); err != nil || resp.Header.Get("Content-Type") != problemType {
		t.Fatalf("no problem: %s %q", resp.Header.Get("Content-Type"), body)
	}
	if p.Status != resp.StatusCode || p.Kind == "" || p.Detail == "" || p.Type != "about:blank" {
		t.Errorf("half a problem: %+v with status %d", p, resp.StatusCode)
	}
	return p
}

func TestBadInputIsRefusedInWords(t *testing.T) {
	d := New(Owner, table(), quiet(), new(refusalLog).note)
	for name, c := range map[string]struct {
		path, contentType, body string
		kind                    api.Kind
		says                    string
	}{
		"no body":        {"/v1/things/x", "application/json", ``, api.KindInvalid, "required"},
		"not json":       {"/v1/things/x", "application/json", `{"thing":`, api.KindInvalid, "body"},
		"two values":     {"/v1/things/x", "application/json", `{"thing":{"count":1}} {}`, api.KindInvalid, "body"},
		"unknown key":    {"/v1/things/x", "application/json", `{"thing":{"count":1,"colour":2}}`, api.KindInvalid, "colour"},
		"wrong type":     {"/v1/things/x", "application/json", `{"thing":{"count":"1"}}`, api.KindInvalid, "body.thing.count"},
		"out of range":   {"/v1/things/x", "application/json", `{"thing":{"count":0}}`, api.KindInvalid, "body.thing.count"},
		"missing":        {"/v1/things/x", "application/json", `{"thing":{}}`, api.KindInvalid, "count"},
		"too long":       {"/v1/things/x", "application/json", `{"thing":{"count":1},"note":"secret-token"}`, api.KindInvalid, "body.note"},
		"too large":      {"/v1/things/x", "application/json", `{"thing":{"count":1},"note":"` + strings.Repeat("x", 300) + `"}`, api.KindTooLarge, "200"},
		"a form":         {"/v1/things/x", "application/x-www-form-urlencoded", `a=b`, api.KindInvalid, "content type"},
		"handler's word": {"/v1/things/fail", "application/json", `{"thing":{"count":1}}`, api.KindConflict, "it is taken: inner"},
	} {
		resp, body := ask(t, d, theOwner, "PUT", c.path, c.contentType, c.body)
		if body == "" {
			t.Errorf("%s: %d without a word", name, resp.StatusCode)
			continue
		}
		p := problemOf(t, resp, body)
		if p.Kind != c.kind || !strings.Contains(p.Detail, c.says) {
			t.Errorf("%s: %s", name, body)
		}
		if strings.Contains(body, "secret-token") {
			t.Errorf("%s: what was refused is echoed: %s", name, body)
		}
	}
	if resp, body := ask(t, d, theOwner, "PUT", "/v1/things/x", "application/json", `{"thing":{"count":1}}`); resp.StatusCode != 204 {
		t.Errorf("good input: %d %s", resp.StatusCode, body)
	}
}

func TestPanicIsAnAnswerAndTheDoorLivesOn(t *testing.T) {
	var log bytes.Buffer
	d := New(Owner, table(), slog.New(slog.NewTextHandler(&log, nil)), new(refusalLog).note)
	resp, body := ask(t, d, theOwner, "PUT", "/v1/things/panic", "application/json", `{"thing":{"count":1}}`)
	if p := problemOf(t, resp, body); p.Kind != api.KindInternal || strings.Contains(body, "boom") {
		t.Errorf("answered %s", body)
	}
	if !strings.Contains(log.String(), "boom") || !strings.Contains(log.String(), "door_test.go") {
		t.Errorf("log: %s", log.String())
	}
}

// served puts a door on a real unix socket and gives a client of it.
func served(t *testing.T, d *Door) *api.Client {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	ln, err := ListenOwner(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- d.Serve(ctx, ln) }()
	c := api.NewClient(path)
	t.Cleanup(func() {
		c.Close()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return c
}

func TestStreamEndsOverASocket(t *testing.T) {
	d := New(Owner, table(), quiet(), new(refusalLog).note)
	path := filepath.Join(t.TempDir(), "s")
	ln, err := ListenOwner(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- d.Serve(ctx, ln) }()
	tr := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", path) }}
	hc := &http.Client{Transport: tr}
	for name, want := range map[string]string{
		"all":  `{"n":0} {"n":1} {"n":2}`,
		"late": `{"n":0} {"n":1} {"n":2} {"problem":{"type":"about:blank","title":"lost","status":502,"detail":"lost on the way","kind":"lost","hint":"again"}}`,
	} {
		resp, err := hc.Get("http://x/v1/rows/" + name)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		if got := strings.ReplaceAll(strings.TrimSpace(string(b)), "\n", " "); err != nil || got != want || resp.Header.Get("Content-Type") != ndjsonType {
			t.Errorf("%s: %s, %v", name, got, err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
	}
	resp, err := hc.Get("http://x/v1/rows/early")
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != 404 || problemOf(t, resp, string(b)).Detail != "no rows" {
		t.Errorf("early: %d %s %v", resp.StatusCode, b, err)
	}
	resp, err = hc.Get("http://x/v1/rows/panic")
	if err == nil {
		_, err = io.ReadAll(resp.Body)
	}
	if err == nil {
		t.Error("half a stream looks whole")
	}
	tr.CloseIdleConnections()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestUploadOverTheLimitIsToldNotCutOff(t *testing.T) {
	c := served(t, New(Owner, []Row{{Method: "POST", Path: "/v1/blobs", Permission: Own, Audience: Owner, MaxBody: 1000, ID: "b", Handler: Upload("application/octet-stream",
		func(_ context.Context, _ *None, body io.Reader) (api.BlobInfo, error) {
			n, err := io.Copy(io.Discard, body)
			return api.BlobInfo{Size: n}, err
		})}}, quiet(), new(refusalLog).note))
	if info, err := c.PutBlob(t.Context(), strings.NewReader("12345")); err != nil || info.Size != 5 {
		t.Errorf("%+v, %v", info, err)
	}
	for range 20 {
		_, err := c.PutBlob(t.Context(), io.LimitReader(zeros{}, 64<<20))
		if api.KindOf(err) != api.KindTooLarge {
			t.Errorf("%v", err)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestServeStopsThoughAStreamIsOpen(t *testing.T) {
	began := make(chan struct{})
	d := New(Owner, []Row{{Method: "GET", Path: "/v1/events", Permission: Own, Audience: Owner, ID: "e", Handler: Stream(func(ctx context.Context, _ *None, out *Sink[api.Event]) error {
		if err := out.Open(); err != nil {
			return err
		}
		close(began)
		<-ctx.Done()
		return ctx.Err()
	})}}, quiet(), new(refusalLog).note)
	path := filepath.Join(t.TempDir(), "s")
	ln, err := ListenOwner(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done, ended := make(chan error), make(chan error)
	go func() { done <- d.Serve(ctx, ln) }()
	c := api.NewClient(path)
	go func() { ended <- c.Events(context.Background(), 0, true, func(api.Event) error { return nil }) }()
	<-began
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := <-ended; api.KindOf(err) != api.KindUnavailable {
		t.Errorf("the reader was told %v", err)
	}
	c.Close()
	if _, err := c.Status(context.Background()); api.KindOf(err) != api.KindNotRunning || api.HintOf(err) == "" {
		t.Errorf("after the end: %v", err)
	}
}

func TestPeerListenerDropsWhoIsNoMember(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	callers := []api.Caller{{}, {Owner: true, Peer: "x"}, {Peer: "12D3", Role: api.RoleMember}}
	var mu sync.Mutex
	wrapped := PeerListener(ln, func(net.Conn) (api.Caller, bool) {
		mu.Lock()
		defer mu.Unlock()
		c := callers[0]
		callers = callers[1:]
		return c, c.Peer != ""
	})
	d := New(Peer, table(), quiet(), new(refusalLog).note)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- d.Serve(ctx, wrapped) }()
	var answers []string
	for range 3 {
		tr := &http.Transport{DisableKeepAlives: true}
		resp, err := (&http.Client{Transport: tr}).Get("http://" + ln.Addr().String() + "/v1/both")
		if err != nil {
			answers = append(answers, "dropped")
			continue
		}
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Error(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
		answers = append(answers, strings.TrimSpace(string(b)))
	}
	if !slices.Equal(answers, []string{"dropped", "dropped", `"member 12D3"`}) {
		t.Errorf("%q", answers)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestDocumentHoldsNoForeignErrors(t *testing.T) {
	doc, err := Document(table(), "1")
	if err != nil {
		t.Fatal(err)
	}
	if s := string(doc); strings.Contains(s, "ErrorModel") || !strings.Contains(s, `"Problem"`) || !strings.Contains(s, `"3.1.0"`) || !strings.Contains(s, `"x-audience": "peer"`) {
		t.Error(s)
	}
}

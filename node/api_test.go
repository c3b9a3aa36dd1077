package node

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/node/apitest"
)

func TestAPIOverTheSocket(t *testing.T) {
	apitest.Run(t, func(t *testing.T) *api.Client {
		n, _ := start(t, options(t, "anna"))
		return client(t, n)
	})
}

func TestAPIInProcess(t *testing.T) {
	apitest.Run(t, func(t *testing.T) *api.Client {
		n, _ := start(t, options(t, "anna"))
		s := httptest.NewServer(n.OwnerHandler())
		t.Cleanup(s.Close)
		return api.NewHTTPClient(s.URL, s.Client())
	})
}

// What curl does: raw requests, from the document alone.
func TestRawRequests(t *testing.T) {
	n, _ := start(t, options(t, "anna"))
	hc := overSocket(n.Socket())
	t.Cleanup(hc.CloseIdleConnections)
	send := func(method, path, contentType, body string, header ...string) (int, string, http.Header) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, "http://p2prc"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if contentType != "" {
			req.Header.Set("Content-Type", contentType)
		}
		for i := 0; i+1 < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		resp, err := hc.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(b), resp.Header
	}
	_, blob, _ := send("POST", "/v1/blobs", "application/octet-stream", "0123456789")
	id := strings.Split(blob, `"`)[3]
	status, part, header := send("GET", "/v1/blobs/"+id, "", "", "Range", "bytes=3-5")
	if status != http.StatusPartialContent || part != "345" || header.Get("Content-Range") != "bytes 3-5/10" {
		t.Errorf("a range: %d %q %v", status, part, header)
	}
	if status, _, _ := send("GET", "/v1/blobs/"+id, "", "", "If-None-Match", `"`+id+`"`); status != http.StatusNotModified {
		t.Errorf("known already: %d", status)
	}
	for _, c := range []struct {
		method, path, contentType, body string
		status                          int
		says                            string
	}{
		{"POST", "/v1/jobs", "application/json", `{"command":["x"],"colour":"red"}`, 422, "colour"},
		{"POST", "/v1/jobs", "application/json", `{"command":["x"],"limits":{"wall":"soon"}}`, 422, "not a duration"},
		{"POST", "/v1/jobs", "application/json", `{"command":["x"],"module":"zz"}`, 422, "blob id"},
		{"POST", "/v1/jobs", "application/x-www-form-urlencoded", `command=x`, 415, "Content-Type: application/json"},
		{"GET", "/v1/jobs/x/tasks?limit=0", "", "", 422, "limit"},
		{"GET", "/v1/jobs/x/tasks?state=tired", "", "", 422, "state"},
		{"GET", "/v1/events?since=-5", "", "", 422, "cursor"},
		{"GET", "/v1/events?since=abc", "", "", 422, "since"},
		{"GET", "/v1/blobs/xyz", "", "", 422, "blob id"},
		{"GET", "/v1/peers/", "", "", 404, "no such route"},
		{"PATCH", "/v1/status", "", "", 404, "no such route"},
		{"GET", "/v1/peer-status", "", "", 404, "no such route"},
		{"PUT", "/v1/labels", "application/json", `{"a":1}`, 422, "body"},
		{"PUT", "/v1/lend/policy", "application/json", `null`, 422, "body"},
		{"POST", "/v1/invites", "application/json", strings.Repeat(" ", 70<<10), 413, "too large"},
	} {
		status, body, header := send(c.method, c.path, c.contentType, c.body)
		if status != c.status || !strings.Contains(body, c.says) || header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, status, body)
		}
	}
	if status, body, _ := send("PUT", "/v1/lend/limits", "application/json", `{"total":{"cpu":1}}`); status != 204 {
		t.Errorf("part of the limits: %d %s", status, body)
	}
}

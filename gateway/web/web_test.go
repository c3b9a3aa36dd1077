package web

import (
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"testing"
)

func TestServesWithACertificate(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	s, _ := r.serve(app, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		fmt.Fprintf(w, "%s %s %s %s %s", req.Proto, req.Host, req.Header.Get("X-Forwarded-For"), req.Header.Get("X-Forwarded-Proto"), req.Header.Get("X-Forwarded-Host"))
	}))
	until(t, s, "waits for DNS: "+app+" has no address")
	r.ready(s)
	for _, protocols := range [][]string{{"http/1.1"}, nil} {
		resp, err := r.client(protocols...).Get(r.url("/"))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		host := r.url("")[len("https://"):]
		if want := "HTTP/1.1 " + host + " 127.0.0.1 https " + host; string(body) != want || err != nil {
			t.Errorf("%s: %q, %v, want %q", resp.Proto, body, err, want)
		}
		if protocols == nil && resp.ProtoMajor != 2 {
			t.Errorf("%s", resp.Proto)
		}
	}
}

func TestClient(t *testing.T) {
	for text, want := range map[string]string{"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8:0:1:2::3": "2001:db8:0:1::", "fe80::1%eth0": "fe80::"} {
		if got := Client(netip.MustParseAddr(text)); got.String() != want {
			t.Errorf("%s counts to %s, want %s", text, got, want)
		}
	}
}

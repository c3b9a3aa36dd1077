package web

import (
	"io"
	"net"
	"net/http"
	"testing"
)

// echoed answers what it reads as it comes, as a gRPC service does: the status is in a trailer.
func echoed(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/grpc")
	w.Header().Set("Proto", r.Proto)
	w.Header().Set("Takes", r.Header.Get("Te"))
	defer w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
	flush := http.NewResponseController(w)
	if flush.Flush() != nil { // the headers, before anything was said
		return
	}
	for buf := make([]byte, 1<<10); ; {
		n, err := r.Body.Read(buf)
		if _, werr := w.Write(buf[:n]); werr != nil || flush.Flush() != nil || err != nil {
			return
		}
	}
}

// A call to a service that speaks HTTP/2 goes both ways at a time, and ends with trailers;
// several share a connection to it.
func TestH2C(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	ln, err := net.Listen("tcp", here+":0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(echoed), Protocols: new(http.Protocols)}
	srv.Protocols.SetUnencryptedHTTP2(true)
	go srv.Serve(ln)
	t.Cleanup(func() { srv.Close() })
	s, m := r.open(r.app, H2C, ln.Addr().String())
	r.ready(s)
	client := r.client()
	for range 3 {
		body, calls := io.Pipe()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url("/echo.Echo/Say"), body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Te", "trailers")
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.Header.Get("Proto") != "HTTP/2.0" || resp.Header.Get("Takes") != "trailers" {
			t.Errorf("%s, the service got %v", resp.Status, resp.Header)
		}
		for _, word := range []string{"one", "two"} {
			if _, err := io.WriteString(calls, word); err != nil {
				t.Fatal(err)
			}
			got := make([]byte, len(word))
			if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != word {
				t.Fatalf("%q came back as %q, %v", word, got, err)
			}
		}
		if err := calls.Close(); err != nil {
			t.Fatal(err)
		}
		if rest, err := io.ReadAll(resp.Body); err != nil || len(rest) > 0 || resp.Trailer.Get("Grpc-Status") != "0" {
			t.Errorf("at the end %q, %v, trailers %v", rest, err, resp.Trailer)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.clients) != 1 {
		t.Errorf("%d connections to the service", len(m.clients))
	}
}

//go:build unix

package multi

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
)

// forward starts p2prc forward and returns where it listens, and what it says on
// standard error so far.
func (n *node) forward(args ...string) (at string, said func() string) {
	n.t.Helper()
	cmd := exec.CommandContext(n.t.Context(), binary, append([]string{"forward", "--json"}, args...)...)
	cmd.Env = n.env()
	out, err := cmd.StdoutPipe()
	if err != nil {
		n.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	var first api.ForwardEvent
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &first) != nil || first.Listening == "" {
		n.t.Fatalf("p2prc forward said %q", lines.Text())
	}
	var mu sync.Mutex
	var all strings.Builder
	read := make(chan struct{})
	go func() {
		defer close(read)
		for lines.Scan() {
			mu.Lock()
			all.WriteString(lines.Text() + "\n")
			mu.Unlock()
		}
	}()
	n.t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		<-read
		_ = cmd.Wait()
	})
	return first.Listening, func() string { mu.Lock(); defer mu.Unlock(); return all.String() }
}

// A web server on one node, used from another by curl: only after its owner said
// so, with a large answer, and not a moment longer than allowed.
func TestForward(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		ring.Need(t, "multi", "no curl")
	}
	size := int64(ring.Size(50_000_000, 1_000_000_000))
	sum := sha256.New()
	if _, err := io.CopyN(sum, &pattern{}, size); err != nil {
		t.Fatal(err)
	}
	hang := make(chan struct{})
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hang" {
			_, _ = io.WriteString(w, "begun\n")
			w.(http.Flusher).Flush()
			<-hang
			return
		}
		_, _ = io.CopyN(w, &pattern{}, size)
	}))
	defer web.Close()
	defer close(hang)
	port := strconv.Itoa(web.Listener.Addr().(*net.TCPAddr).Port)

	all := pool(t, "a", "b")
	a, b := all[0], all[1]
	at, said := b.forward("a", port+":0")
	if _, err := fetch(t, "http://"+at+"/"); err == nil {
		t.Fatal("nobody allowed it, and it answered")
	}
	waitFor(t, func() bool { return strings.Contains(said(), "policy allow YOU port:"+port) })
	a.ok("lend", "policy", "allow", "b", "port:"+port)
	if got, err := fetch(t, "http://"+at+"/"); err != nil || got != string(sum.Sum(nil)) {
		t.Fatalf("other bytes arrived, %v", err)
	}

	// What is open ends when the row goes, when its owner closes it or pauses
	// lending, and when its member is revoked.
	for _, end := range [][]string{{"lend", "policy", "rm", "1"}, {"lend", "connections", "close", "--all"}, {"lend", "pause"}, {"members", "revoke", "b"}} {
		switch end[1] {
		case "connections":
			a.ok("lend", "policy", "allow", "b", "port:"+port)
		case "revoke":
			a.ok("lend", "resume")
		}
		conn, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, "GET /hang HTTP/1.0\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		r := bufio.NewReader(conn)
		for line := ""; line != "begun\n"; {
			if line, err = r.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
		if out := a.ok("lend", "connections"); !strings.Contains(out, ":"+port) {
			t.Errorf("the owner sees\n%s", out)
		}
		a.ok(end...)
		began := time.Now()
		_ = conn.SetReadDeadline(began.Add(5 * time.Second))
		if _, err := r.ReadString('\n'); err == nil || strings.Contains(err.Error(), "timeout") {
			t.Errorf("5 s after %q: %v", end, err)
		}
		t.Logf("%q ended it after %v", end, time.Since(began).Round(time.Millisecond))
		_ = conn.Close()
	}
}

func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	tick, late := time.NewTicker(10*time.Millisecond), time.After(20*time.Second)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("not within 20 s")
		}
	}
}

// pattern is bytes without end that differ from place to place.
type pattern struct{ at uint32 }

func (p *pattern) Read(b []byte) (int, error) {
	for i := range b {
		p.at = p.at*1664525 + 1013904223
		b[i] = byte(p.at >> 24)
	}
	return len(b), nil
}

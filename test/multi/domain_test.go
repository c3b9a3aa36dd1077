//go:build unix

package multi

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/acmetest"
	"github.com/Akilan1999/p2p-rendering-computation/internal/conntest"
	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
)

// A web server behind one node, reached by its domain through another: with a
// certificate once the DNS leads there, over kill -9 of either end, and as long as it
// is its member's.
func TestDomain(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"curl", "openssl"} {
		if _, err := exec.LookPath(program); err != nil {
			ring.Need(t, "multi", "no "+program)
		}
	}
	ports := []int{conntest.FreePort(t, 1), conntest.FreePort(t, 1)}
	plain, secure := strconv.Itoa(ports[0]), strconv.Itoa(ports[1])
	ca := acmetest.Start(t, ports[0], ports[1])
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s %q %q %q", r.Proto, r.Host, r.Header["X-Forwarded-For"], r.Header["X-Forwarded-Proto"], r.Header["X-Forwarded-Host"])
	}))
	defer web.Close()
	port := strconv.Itoa(web.Listener.Addr().(*net.TCPAddr).Port)

	all := pool(t, "gw", "m", "other")
	gw, m, other := all[0], all[1], all[2]
	gw.stop()
	for key, value := range map[string]string{"hosts": "127.0.0.1", "public": "127.0.0.1", "https_port": secure, "http_port": plain, "acme": ca.Directory, "acme_ca": ca.Roots, "resolver": ca.Resolver} {
		gw.ok("config", "set", "gateway."+key, value)
	}
	gw.up()
	if _, errs, code := m.cmd("map", port, "--domain", "app.example.org", "--via", "gw"); code != api.KindDenied.ExitCode() {
		t.Errorf("what nobody allowed: exit %d, %s", code, errs)
	}
	gw.ok("lend", "policy", "allow", "role:member", "domain:*.example.org")
	out := m.ok("map", port, "--domain", "App.example.org", "--via", "gw")
	if want := fmt.Sprintf("https://app.example.org:%s leads to this machine:%s", secure, port); !strings.Contains(out, want) || !strings.Contains(out, "app.example.org A 127.0.0.1") {
		t.Errorf("p2prc map says\n%s", out)
	}
	says := func(words string) {
		t.Helper()
		m.eventually(20*time.Second, "say "+words, func(context.Context) error {
			if out := m.ok("map", "ls"); !strings.Contains(out, words) {
				return fmt.Errorf("%s", out)
			}
			return nil
		})
	}
	says("waits for DNS: app.example.org has no address")
	ca.Point("app.example.org", netip.MustParseAddr("192.0.2.1"))
	says("waits for DNS: app.example.org leads to 192.0.2.1, not to 127.0.0.1")
	ca.Point("app.example.org", netip.MustParseAddr("127.0.0.1"))

	curl := func(args ...string) (string, error) {
		args = append([]string{"-sS", "--max-time", "20", "--cacert", ca.Issued, "--resolve", "app.example.org:" + secure + ":127.0.0.1"}, args...)
		out, err := exec.CommandContext(t.Context(), "curl", args...).Output()
		return string(out), err
	}
	at := "https://app.example.org:" + secure + "/"
	works := func() {
		t.Helper()
		want := fmt.Sprintf("HTTP/1.1 app.example.org:%s %q %q %q", secure, []string{"127.0.0.1"}, []string{"https"}, []string{"app.example.org:" + secure})
		m.eventually(30*time.Second, "be reached at "+at, func(context.Context) error {
			if out, err := curl("-H", "X-Forwarded-For: 192.0.2.66", at); err != nil || out != want {
				return fmt.Errorf("%q, %v, want %q", out, err, want)
			}
			return nil
		})
	}
	works()
	says(" open\n")
	if out, err := curl("-o", "/dev/null", "-w", "%{http_version}", "--http2", at); err != nil || out != "2" {
		t.Errorf("curl speaks HTTP/%s, %v", out, err)
	}
	if _, errs, code := other.cmd("map", port, "--domain", "app.example.org", "--via", "gw"); code != api.KindConflict.ExitCode() || !strings.Contains(errs, "m's") {
		t.Errorf("another's domain: exit %d, %s", code, errs)
	}
	if out := gw.ok("lend", "mappings"); !strings.Contains(out, "app.example.org") {
		t.Errorf("the gateway's owner sees\n%s", out)
	}
	passthrough(t, gw, m, ca, secure)
	if ring.Size(0, 1) == 1 {
		chromium(t, ca, at)
	}
	m.kill()
	gw.kill()
	gw.up()
	if _, errs, code := other.cmd("map", port, "--domain", "app.example.org", "--via", "gw"); code != api.KindConflict.ExitCode() {
		t.Errorf("another's domain, who is away: exit %d, %s", code, errs)
	}
	m.up()
	works()

	m.ok(append([]string{"map", "rm"}, m.mappings()...)...)
	other.ok("map", port, "--domain", "app.example.org", "--via", "gw")
	works()
}

// passthrough has TLS come to a service of m's as openssl began it.
func passthrough(t *testing.T, gw, m *node, ca *acmetest.CA, port string) {
	t.Helper()
	web := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "unopened for "+r.RemoteAddr) }))
	defer web.Close()
	_, to, _ := net.SplitHostPort(web.Listener.Addr().String())
	if out := m.ok("map", to, "--domain", "own.example.org", "--via", "gw", "--passthrough"); !strings.Contains(out, "own.example.org:"+port+" leads to this machine:"+to) {
		t.Errorf("p2prc map says\n%s", out)
	}
	cmd := exec.CommandContext(t.Context(), "openssl", "s_client", "-quiet", "-servername", "own.example.org", "-connect", "127.0.0.1:"+port)
	cmd.Stdin = strings.NewReader("GET / HTTP/1.0\r\nHost: own.example.org\r\n\r\n")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "unopened for 127.0.0.1") || !strings.Contains(string(out), "Acme Co") {
		t.Errorf("openssl says\n%s%v", out, err)
	}
	cmd = exec.CommandContext(t.Context(), "openssl", "s_client", "-servername", "nobody.example.org", "-connect", "127.0.0.1:"+port)
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "unrecognized name") {
		t.Errorf("for a name that nobody mapped openssl says\n%s", out)
	}
}

// chromium has a browser, which believes the CA, load the page.
func chromium(t *testing.T, ca *acmetest.CA, at string) {
	t.Helper()
	home := t.TempDir()
	db := "sql:" + filepath.Join(home, ".pki", "nssdb")
	if err := os.MkdirAll(filepath.Join(home, ".pki", "nssdb"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"certutil", "-d", db, "-N", "--empty-password"},
		{"certutil", "-d", db, "-A", "-t", "C,,", "-n", "ca", "-i", ca.Issued},
		{"chromium", "--headless", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP app.example.org 127.0.0.1", "--dump-dom", at},
	} {
		if _, err := exec.LookPath(args[0]); err != nil {
			ring.Need(t, "multi", "no "+args[0])
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.Env = append(os.Environ(), "HOME="+home)
		out, err := cmd.Output()
		if err != nil || args[0] == "chromium" && !strings.Contains(string(out), "HTTP/1.1 app.example.org") {
			t.Errorf("%q says %s, %v", args, out, err)
		}
	}
}

// mappings are the ids of the node's.
func (n *node) mappings() (ids []string) {
	n.t.Helper()
	all, err := n.api.Mappings(n.t.Context())
	if err != nil {
		n.t.Fatal(err)
	}
	for _, m := range all {
		ids = append(ids, string(m.ID))
	}
	return ids
}

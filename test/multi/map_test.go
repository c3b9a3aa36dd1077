//go:build unix

package multi

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
)

// mapped opens a mapping with p2prc map.
func (n *node) mapped(args ...string) api.Mapping {
	n.t.Helper()
	var m api.Mapping
	if out := n.ok(append([]string{"map", "--json"}, args...)...); json.Unmarshal([]byte(out), &m) != nil {
		n.t.Fatalf("p2prc map said %s", out)
	}
	return m
}

// fetch is the SHA-256 of what curl gets.
func fetch(t *testing.T, url string) (string, error) {
	sum := sha256.New()
	cmd := exec.CommandContext(t.Context(), "curl", "-sS", "--max-time", "60", url)
	cmd.Stdout = sum
	err := cmd.Run()
	return string(sum.Sum(nil)), err
}

// A web server behind one node, reached by curl through another: only where the
// policies say so; over kill -9 of either end; through another gateway when the
// first is gone; and not a moment longer than its owners allow.
func TestMap(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		ring.Need(t, "multi", "no curl")
	}
	size := int64(ring.Size(20_000_000, 1_000_000_000))
	sum := sha256.New()
	if _, err := io.CopyN(sum, &pattern{}, size); err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.CopyN(w, &pattern{}, size) }))
	defer web.Close()
	port := strconv.Itoa(web.Listener.Addr().(*net.TCPAddr).Port)
	all := pool(t, "gw", "m", "other")
	gw, m, other := all[0], all[1], all[2]
	works := func(at string) {
		t.Helper()
		m.eventually(20*time.Second, "be reached at "+at, func(context.Context) error {
			got, err := fetch(t, "http://"+at+"/")
			if err == nil && got != string(sum.Sum(nil)) {
				err = errors.New("other bytes arrived")
			}
			return err
		})
	}
	if _, errs, code := m.cmd("map", port); code != api.KindNobody.ExitCode() {
		t.Errorf("nobody offers: exit %d, %s", code, errs)
	}
	gw.ok("lend", "policy", "allow", "m", "listen:20000-60000")
	m.eventually(10*time.Second, "hear of the gateway", func(ctx context.Context) error {
		p, err := m.api.Peer(ctx, "gw")
		if err != nil || !p.Gateway {
			return fmt.Errorf("%+v, %v", p.Record, err)
		}
		return nil
	})
	for args, code := range map[string]int{
		"map " + port + " --port 80": api.KindDenied.ExitCode(), "map 0": 2, "map 1 --port 65536": 2, "map 1 --allow x": 2, "map 1 --on nobody": api.KindNotFound.ExitCode(),
		"map " + strconv.Itoa(listenPort(t, m)): api.KindDenied.ExitCode(),
	} {
		if _, errs, got := m.cmd(strings.Fields(args)...); got != code {
			t.Errorf("p2prc %s: exit %d, want %d: %s", args, got, code, errs)
		}
	}
	own := m.mapped(port, "--port", "0")
	works(own.Public[0])
	if out := gw.ok("lend", "mappings"); !strings.Contains(out, " m ") || !strings.Contains(out, "MiB") {
		t.Errorf("the gateway's owner sees\n%s", out)
	}

	// A port of another member needs its owner's yes; the row for forward is not one.
	on := m.mapped(port, "--port", "0", "--on", "other")
	other.ok("lend", "policy", "allow", "m", "port:"+port)
	if _, err := fetch(t, "http://"+on.Public[0]+"/"); err == nil {
		t.Error("what may be forwarded was mapped")
	}
	other.ok("lend", "policy", "allow", "m", "map:port:"+port)
	works(on.Public[0])

	// Datagrams.
	echo, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer echo.Close()
	go func() {
		for buf := make([]byte, 2048); ; {
			n, from, err := echo.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = echo.WriteTo(buf[:n], from)
		}
	}()
	udp := m.mapped(strconv.Itoa(echo.LocalAddr().(*net.UDPAddr).Port), "--udp", "--port", "0")
	c, err := net.Dial("udp", udp.Public[0])
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	buf := make([]byte, 2000)
	if _, err := c.Write(buf[:1400]); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(buf); err != nil || n != 1400 {
		t.Errorf("%d bytes of 1400 came back, %v", n, err)
	}

	m.kill()
	m.up()
	works(own.Public[0])
	cut, err := net.Dial("tcp", own.Public[0])
	if err != nil {
		t.Fatal(err)
	}
	defer cut.Close()
	gw.eventually(10*time.Second, "carry it", carries(gw, "m"))
	gw.kill()
	_ = cut.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := cut.Read(buf); err == nil || strings.Contains(err.Error(), "timeout") {
		t.Errorf("5 s after its gateway went a client reads %v", err)
	}
	gw.up()
	works(own.Public[0])

	other.ok("lend", "policy", "allow", "m", "listen:20000-60000")
	gw.kill()
	m.eventually(20*time.Second, "move to the other gateway", func(ctx context.Context) error {
		mappings, err := m.api.Mappings(ctx)
		if err != nil || mappings[0].State != api.MappingOpen || mappings[0].GatewayName != "other" {
			return fmt.Errorf("%+v, %v", mappings, err)
		}
		own = mappings[0]
		return nil
	})
	works(own.Public[0])
	gw.up()
	gw.seesAlive(20*time.Second, 3)

	// What is open ends within 5 s when its member is revoked.
	conn, err := net.Dial("tcp", own.Public[0])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	other.eventually(10*time.Second, "carry it", carries(other, "m"))
	gw.ok("members", "revoke", "m")
	began := time.Now()
	_ = conn.SetReadDeadline(began.Add(5 * time.Second))
	if _, err := conn.Read(buf); err == nil || strings.Contains(err.Error(), "timeout") {
		t.Errorf("5 s after: %v", err)
	}
	t.Logf("revoking ended it after %v", time.Since(began).Round(time.Millisecond))
	if c, err := net.Dial("tcp", own.Public[0]); err == nil {
		c.Close()
		t.Error("its port is still open")
	}
}

// carries asks a gateway for the one connection that a member's mapping has.
func carries(gw *node, member string) func(context.Context) error {
	return func(ctx context.Context) error {
		carried, err := gw.api.Carried(ctx)
		for _, c := range carried {
			if c.Name == member && c.Open == 1 {
				return nil
			}
		}
		return fmt.Errorf("%+v, %v", carried, err)
	}
}

// listenPort is the port at which a node listens for members.
func listenPort(t *testing.T, n *node) int {
	t.Helper()
	st, err := n.api.Status(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(hostPort(t, st.Addrs))
	if err != nil {
		t.Fatal(err)
	}
	p, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

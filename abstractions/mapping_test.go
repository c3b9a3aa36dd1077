package abstractions

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/config"
	"github.com/Akilan1999/p2p-rendering-computation/internal/conntest"
)

// gatewayFor is another node in c's network, which opens ports for everybody in it.
func gatewayFor(t *testing.T, c *api.Client) {
	t.Helper()
	dir, err := os.MkdirTemp("", "p2prc") // as in home
	if err != nil {
		t.Fatal(err)
	}
	gw, err := Open(context.Background(), Options{Home: dir, Agent: []string{}, Settings: func(s *config.Config) {
		s.Name, s.MDNS, s.PortMapping, s.Listen.Hosts = "gateway", false, false, []string{"127.0.0.1"}
		s.Gateway.Hosts, s.Gateway.Public, s.Gateway.HTTPSPort, s.Gateway.HTTPPort = []string{"127.0.0.1"}, "127.0.0.1", conntest.FreePort(t, 1), 0
		s.Gateway.ACME, s.Gateway.Resolver = "https://127.0.0.1:1/", "127.0.0.1:1" // nobody is there
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := gw.Close(); err != nil {
			t.Error(err)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	invite, err := c.CreateInvite(t.Context(), api.InviteRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := gw.Join(t.Context(), invite.Token); err != nil {
		t.Fatal(err)
	}
	if err := gw.SetPolicy(t.Context(), []api.Rule{{Subject: "*", Action: "map", Resource: "listen:20000-60000", Allow: true}, {Subject: "*", Action: "map", Resource: "domain:*", Allow: true}}); err != nil {
		t.Fatal(err)
	}
}

func TestMapPort(t *testing.T) {
	home(t)
	if _, err := MapPort("80", "", ""); api.KindOf(err) != api.KindNotRunning {
		t.Errorf("without a node: %v", err)
	}
	if _, err := Start(); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		port, domain, on string
		want             api.Kind
	}{
		{"0", "", "", api.KindInvalid},
		{"65536", "", "", api.KindInvalid},
		{"ssh", "", "", api.KindInvalid},
		{"80", "example", "", api.KindInvalid},
		{"80", "example.org", "", api.KindNobody},
		{"80", "", "nobody", api.KindNotFound},
		{"80", "", "", api.KindNobody},
	} {
		if _, err := MapPort(tt.port, tt.domain, tt.on); api.KindOf(err) != tt.want {
			t.Errorf("%+v: %v", tt, err)
		}
	}

	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	defer web.Close()
	_, port, err := net.SplitHostPort(strings.TrimPrefix(web.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := Client()
	if err != nil {
		t.Fatal(err)
	}
	gatewayFor(t, c)
	m, err := MapPort(port, "", "")
	for until := time.Now().Add(10 * time.Second); api.KindOf(err) == api.KindNobody && time.Now().Before(until); {
		m, err = MapPort(port, "", "") // the gateway's record is on its way
	}
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get("http://" + m.Public[0])
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); string(body) != "hello" || err != nil {
		t.Errorf("through the gateway: %q, %v", body, err)
	}
	m, err = MapPort(port, "app.example.org", "")
	if err != nil || !strings.HasPrefix(m.Public[0], "https://app.example.org:") || m.DNS[0] != (api.DNSRecord{Name: "app.example.org", Type: "A", Value: "127.0.0.1"}) {
		t.Errorf("by a domain: %+v, %v", m, err)
	}
}

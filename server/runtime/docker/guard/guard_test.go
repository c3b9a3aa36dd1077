package guard

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

func TestLender(t *testing.T) {
	var links []netip.Prefix
	for _, p := range strings.Fields("127.0.0.1/8 ::1/128 192.168.1.5/24 172.17.0.1/16 fd00::2/64 fe80::1/64 80.1.2.3/24 2a01:4f8:1:2::5/64 2a01:4f8:1:2::6/128 2a02::1/32") {
		links = append(links, netip.MustParsePrefix(p))
	}
	public := []netip.Addr{netip.MustParseAddr("5.5.5.1"), netip.MustParseAddr("::ffff:5.5.5.1"), netip.MustParseAddr("192.168.7.7"), netip.MustParseAddr("2a03:1:2:3::4")}
	var got []string
	for _, p := range lender(links, public) {
		got = append(got, p.String())
	}
	want := strings.Fields("5.5.5.1/32 80.1.2.0/24 2a01:4f8:1::/48 2a02::/32 2a03:1:2::/48")
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestSpec(t *testing.T) {
	c := Config{Image: "any", Class: "crun", Argv: []string{"/p2prc", "agent"}, Lender: []netip.Prefix{netip.MustParsePrefix("5.5.5.1/32")}}
	s, err := c.spec()
	if err != nil {
		t.Fatal(err)
	}
	h := s.HostConfig
	if h.Privileged || !slices.Equal(h.CapDrop, []string{"ALL"}) || !slices.Equal(h.CapAdd, []string{"NET_ADMIN"}) || !slices.Contains(h.SecurityOpt, "no-new-privileges") || !h.ReadonlyRootfs {
		t.Errorf("the holder has more rights than one: %+v", h)
	}
	if h.Runtime != "crun" {
		t.Errorf("the holder runs under %q and would guard another stack than its guest's", h.Runtime)
	}
	if got := s.Config.Healthcheck; got == nil || !slices.Equal(got.Test, []string{"NONE"}) {
		t.Errorf("the image's program would run in the holder: %+v", got)
	}
	if len(h.DNS) == 0 || !slices.Equal(h.DNSSearch, []string{"."}) {
		t.Errorf("the machine's resolvers would be shown: %v %v", h.DNS, h.DNSSearch)
	}
	if len(h.PortBindings) > 0 {
		t.Errorf("it lets in %v", h.PortBindings)
	}
	if arg := s.Config.Entrypoint[len(s.Config.Entrypoint)-1]; arg != `{"refuse":["5.5.5.1/32"]}` {
		t.Errorf("the guard's argument is %s", arg)
	}

	for _, bad := range []Config{
		{Lender: []netip.Prefix{{}}},
		{Resolvers: []netip.Addr{netip.MustParseAddr("127.0.0.11")}},
	} {
		if _, err := bad.spec(); api.KindOf(err) != api.KindInvalid {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

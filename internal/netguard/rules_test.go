package netguard

import (
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// packet is what rows can ask about.
type packet struct {
	state          State
	local, options bool
	to             netip.Addr
	proto          Proto
	port           uint16
	typ            uint8
}

// decide is what the kernel does with rows, in a few lines: the tests below
// reason with it, and the test in namespaces shows that the kernel agrees.
func decide(rows []Rule, p packet) (Verdict, string) {
	for _, r := range rows {
		family := 4
		if p.to.Is6() {
			family = 6
		}
		if (r.State == 0 || r.State == p.state) &&
			(!r.Local || p.local) &&
			(!r.Options || p.options) &&
			(r.family() == 0 || r.family() == family) &&
			(!r.To.IsValid() || r.To.Contains(p.to)) &&
			(r.Proto == 0 || r.Proto == p.proto) &&
			(r.Port == 0 || r.Port == p.port) &&
			(r.Type == 0 || r.Type == p.typ) {
			return r.Verdict, r.Why
		}
	}
	return Refuse, "policy"
}

var example = Config{
	Refuse:    prefixes("5.5.5.1/32", "80.1.2.0/24", "2a01:4f8:1:2::/64"),
	Resolvers: []netip.Addr{netip.MustParseAddr("9.9.9.9"), netip.MustParseAddr("192.168.1.1"), netip.MustParseAddr("fd00::53")},
}

var exampleLinks = prefixes("172.17.0.2/16", "2a02:17::2/64")

func prefixes(s ...string) (all []netip.Prefix) {
	for _, p := range s {
		all = append(all, netip.MustParsePrefix(p))
	}
	return all
}

func anyPacket(to netip.Addr) []packet {
	return []packet{
		{to: to, proto: TCP, port: 443}, {to: to, proto: TCP, port: 53}, {to: to, proto: TCP, port: 22},
		{to: to, proto: UDP, port: 443}, {to: to, proto: UDP, port: 53},
		{to: to, proto: ICMP, typ: 8}, {to: to, proto: ICMPv6, typ: 128},
	}
}

func TestAddresses(t *testing.T) {
	out := Rules(example, exampleLinks).Output
	for _, c := range []struct {
		want  Verdict
		addrs string
	}{
		{Accept, "1.1.1.1 8.8.8.8 9.9.9.9 5.5.5.2 5.5.5.0 80.1.1.255 80.1.3.0 1.0.0.0 9.255.255.255 11.0.0.0"},
		{Accept, "172.15.255.255 172.32.0.0 192.167.255.255 192.169.0.0 169.253.255.255 169.255.0.0 100.63.255.255 100.128.0.0"},
		{Accept, "126.255.255.255 128.0.0.0 223.255.255.255 192.0.1.0 192.0.3.0 198.17.255.255 198.20.0.0 168.63.129.15 168.63.129.17"},
		{Accept, "2606:4700:4700::1111 2001:200:: 2001:4860:4860::8888 2003:: 2001:ffff:: 2a01:4f8:1:1::1 2a01:4f8:1:3::1 2a02:17:0:1::1 3ffe::1"},

		{Refuse, "10.0.0.0 10.0.0.1 10.255.255.255 172.16.0.0 172.16.0.1 172.17.0.1 172.31.255.255 192.168.0.0 192.168.1.1 192.168.255.255"},
		{Refuse, "169.254.0.0 169.254.169.254 169.254.255.255 168.63.129.16 100.64.0.0 100.100.100.200 100.127.255.255"},
		{Refuse, "0.0.0.0 0.0.0.1 0.255.255.255 127.0.0.1 127.0.0.11 127.255.255.255"},
		{Refuse, "224.0.0.0 224.0.0.251 239.255.255.250 239.255.255.255 240.0.0.0 255.255.255.255"},
		{Refuse, "192.0.0.0 192.0.0.9 192.0.0.192 192.0.0.255 192.88.99.1 198.18.0.0 198.19.255.255 192.0.2.1 198.51.100.1 203.0.113.1"},
		{Refuse, "5.5.5.1 80.1.2.0 80.1.2.255 2a01:4f8:1:2::1 2a01:4f8:1:2:ffff:ffff:ffff:ffff 2a02:17::1 2a02:17::ffff"},
		{Refuse, ":: ::1 ::ffff:10.0.0.1 ::ffff:8.8.8.8 ::10.0.0.1 64:ff9b::a00:1 64:ff9b::808:808 64:ff9b:1::1 100::1"},
		{Refuse, "2002:a00:1::1 2002:808:808::1 2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:1::1 2001:10::1 2001:20::1 2001:db8::1 3fff::1 5f00::1"},
		{Refuse, "fc00::1 fd00:ec2::254 fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff fe80::1 fe80::ffff:1 febf::1 fec0::1 feff::1 ff02::1 ff02::fb ff05::2 4000::1 1fff::1"},
	} {
		for a := range strings.FieldsSeq(c.addrs) {
			to := netip.MustParseAddr(a)
			for _, p := range anyPacket(to) {
				want := c.want
				if to.Is4() && p.proto == ICMPv6 || to.Is6() && p.proto == ICMP {
					want = Refuse
				}
				if to == example.Resolvers[1] && p.port == 53 {
					want = Accept
				}
				if got, why := decide(out, p); got != want {
					t.Errorf("%v: got %v by %q, want %v", p, got, why, want)
				}
			}
		}
	}
}

// What Go's own registries call special is never reached, whatever the address.
func TestNothingSpecialIsReached(t *testing.T) {
	out := Rules(Config{}, nil).Output
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "v4")
		if rapid.Bool().Draw(t, "v6") {
			b = rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "v6")
			if rapid.Bool().Draw(t, "special") {
				copy(b, rapid.SampledFrom([][]byte{{0xfe, 0x80}, {0xfd}, {0xff, 0x02}, {0x20, 0x02}, {0x20, 0x01, 0, 0}, make([]byte, 12)}).Draw(t, "head"))
			}
		}
		to, _ := netip.AddrFromSlice(b)
		special := to.IsPrivate() || to.IsLoopback() || to.IsLinkLocalUnicast() || to.IsMulticast() || to.IsUnspecified() ||
			to.Is6() && (b[0]&0xe0 != 0x20 || b[0] == 0x20 && (b[1] == 2 || b[1] == 1 && b[2] < 2))
		for _, p := range anyPacket(to) {
			if got, why := decide(out, p); special && got != Refuse {
				t.Errorf("%v leaves by %q", p, why)
			}
		}
	})
}

// Every prefix that is refused is refused from its first address to its last.
func TestPrefixesToTheirEnds(t *testing.T) {
	c := Config{Refuse: example.Refuse}
	out := Rules(c, exampleLinks).Output
	refused := 0
	for _, r := range out {
		if r.Verdict != Refuse || !r.To.IsValid() {
			continue
		}
		refused++
		for _, a := range []netip.Addr{r.To.Addr(), r.To.Addr().Next(), last(r.To).Prev(), last(r.To)} {
			for _, p := range anyPacket(a) {
				if got, why := decide(out, p); r.To.Contains(a) && got != Refuse {
					t.Errorf("%v of %v leaves by %q", p, r.To, why)
				}
			}
		}
	}
	if refused < 30 {
		t.Errorf("%d refused prefixes: the table has lost rows", refused)
	}
}

func last(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

func TestFlowsAndProtocols(t *testing.T) {
	table := Rules(example, exampleLinks)
	v4, v6, lan := netip.MustParseAddr("8.8.8.8"), netip.MustParseAddr("2600::1"), netip.MustParseAddr("192.168.1.7")
	router, router6 := netip.MustParseAddr("192.168.1.1"), netip.MustParseAddr("fd00::53")
	const sctp, udplite, gre, igmp = 132, 136, 47, 2
	for _, c := range []struct {
		name string
		rows []Rule
		p    packet
		want Verdict
	}{
		{"an answer to the LAN", table.Output, packet{state: Established, to: lan, proto: TCP, port: 40000}, Accept},
		{"an error to the LAN", table.Output, packet{state: Related, to: lan, proto: ICMP, typ: 3}, Accept},
		{"a flow announced to the LAN", table.Output, packet{state: Related, to: lan, proto: TCP, port: 20}, Refuse},
		{"loopback", table.Output, packet{local: true, to: netip.MustParseAddr("127.0.0.1"), proto: TCP, port: 80}, Accept},
		{"loopback's address elsewhere", table.Output, packet{to: netip.MustParseAddr("127.0.0.1"), proto: TCP, port: 80}, Refuse},
		{"source route", table.Output, packet{to: v4, options: true, proto: UDP, port: 53}, Refuse},
		{"source route in a flow", table.Output, packet{state: Established, to: v4, options: true, proto: UDP, port: 53}, Refuse},
		{"resolver in the LAN", table.Output, packet{to: router, proto: UDP, port: 53}, Accept},
		{"resolver in the LAN, IPv6", table.Output, packet{to: router6, proto: TCP, port: 53}, Accept},
		{"the resolver's web page", table.Output, packet{to: router, proto: TCP, port: 80}, Refuse},
		{"the resolver's other UDP", table.Output, packet{to: router, proto: UDP, port: 5353}, Refuse},
		{"ping the resolver", table.Output, packet{to: router, proto: ICMP, typ: 8}, Refuse},
		{"port 53 of another", table.Output, packet{to: lan, proto: UDP, port: 53}, Refuse},
		{"sctp", table.Output, packet{to: v4, proto: sctp, port: 80}, Refuse},
		{"udp-lite", table.Output, packet{to: v6, proto: udplite, port: 80}, Refuse},
		{"gre", table.Output, packet{to: v4, proto: gre}, Refuse},
		{"igmp", table.Output, packet{to: netip.MustParseAddr("224.0.0.22"), proto: igmp}, Refuse},
		{"redirect", table.Output, packet{to: v4, proto: ICMP, typ: 5}, Refuse},
		{"router advertisement", table.Output, packet{to: netip.MustParseAddr("ff02::1"), proto: ICMPv6, typ: 134}, Refuse},
		{"neighbour discovery", table.Output, packet{to: netip.MustParseAddr("ff02::1:ff00:1"), proto: ICMPv6, typ: 135}, Accept},
		{"listener report", table.Output, packet{to: netip.MustParseAddr("ff02::16"), proto: ICMPv6, typ: 143}, Accept},
		{"listener report elsewhere", table.Output, packet{to: v6, proto: ICMPv6, typ: 143}, Refuse},

		{"tcp in", table.Input, packet{to: lan, proto: TCP, port: 22}, Refuse},
		{"udp in", table.Input, packet{to: v6, proto: UDP, port: 5000}, Refuse},
		{"ping", table.Input, packet{to: lan, proto: ICMP, typ: 8}, Refuse},
		{"router advertisement in", table.Input, packet{to: v6, proto: ICMPv6, typ: 134}, Refuse},
		{"answer in", table.Input, packet{state: Established, to: lan, proto: TCP, port: 22}, Accept},
		{"announced flow in", table.Input, packet{state: Related, to: lan, proto: TCP, port: 22}, Refuse},
	} {
		if got, why := decide(c.rows, c.p); got != c.want {
			t.Errorf("%s: got %v by %q, want %v", c.name, got, why, c.want)
		}
	}
}

func TestConfigIsReadStrictly(t *testing.T) {
	arg, err := example.Argument()
	if err != nil {
		t.Fatal(err)
	}
	if c, err := parse(arg); err != nil || len(c.Refuse) != 3 || len(c.Resolvers) != 3 {
		t.Errorf("%s came back as %+v, %v", arg, c, err)
	}
	for _, bad := range []string{
		``, `null {}`, `[]`, `{"refused":["10.0.0.0/8"]}`, `{} {}`, `{"refuse":["10.0.0.0"]}`, `{"refuse":["::ffff:10.0.0.0/104"]}`, `{"refuse":[""]}`,
		`{"resolvers":["::ffff:1.1.1.1"]}`, `{"resolvers":["fe80::1%eth0"]}`, `{"resolvers":["0.0.0.0"]}`, `{"resolvers":["224.0.0.1"]}`, `{"resolvers":["127.0.0.11"]}`, `{"resolvers":[""]}`,
		`{"refuse":[` + strings.Repeat(`"5.5.5.5/32",`, MaxRefuse) + `"5.5.5.5/32"]}`,
	} {
		if c, err := parse(bad); err == nil {
			t.Errorf("%.60s was read as %+v", bad, c)
		}
	}
}

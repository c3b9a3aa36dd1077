package netguard

import (
	"net/netip"
	"slices"
)

// Proto is a transport protocol's number.
type Proto uint8

// The protocols that rows name.
const (
	ICMP   Proto = 1
	TCP    Proto = 6
	UDP    Proto = 17
	ICMPv6 Proto = 58
)

var protoNames = map[Proto]string{ICMP: "icmp", TCP: "tcp", UDP: "udp", ICMPv6: "icmpv6"}

func (p Proto) String() string { return protoNames[p] }

// State is what is known of the flow that a packet belongs to.
type State uint8

// The states that rows ask for; the zero State matches every packet.
const (
	Established State = iota + 1 // packets went both ways before
	Related                      // an error about such a flow, or a flow announced in one
)

// Verdict is what becomes of a packet.
type Verdict uint8

// The verdicts. Refuse tells the sender.
const (
	Refuse Verdict = iota
	Accept
)

// Rule is one row. A field with its zero value matches everything; all others
// must match.
type Rule struct {
	Why     string // what the row is for; stands beside it in the kernel
	State   State
	Local   bool         // over the namespace's own loopback
	Options bool         // an IPv4 header with options, source routes among them
	To      netip.Prefix // destination
	Proto   Proto
	Port    uint16 // destination port
	Type    uint8  // type of an ICMP or ICMPv6 message
	Verdict Verdict
}

// Table is the whole filter. What no row matches is refused on the way out and
// dropped on the way in.
type Table struct{ Output, Input []Rule }

// elsewhere are the addresses that are not the Internet, or may lead away from
// it, by the registries of special-purpose addresses. Of IPv6 only 2000::/3 is
// ever let out, so the rows outside of it are there to be counted by name.
var elsewhere = []struct {
	why      string
	prefixes []string
}{
	{"private", []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fec0::/10"}},
	{"link-local, metadata", []string{"169.254.0.0/16", "fe80::/10"}},
	{"metadata that looks public", []string{"168.63.129.16/32"}},
	{"behind the provider's NAT", []string{"100.64.0.0/10"}},
	{"this machine", []string{"0.0.0.0/8", "127.0.0.0/8", "::/128", "::1/128"}},
	{"multicast, broadcast, reserved", []string{"224.0.0.0/4", "240.0.0.0/4", "ff00::/8"}},
	{"protocol assignments", []string{"192.0.0.0/24", "2001::/23"}},
	{"IPv4 inside IPv6", []string{"::ffff:0:0/96", "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16"}},
	{"6to4 relays", []string{"192.88.99.0/24"}},
	{"benchmarks, documentation", []string{"198.18.0.0/15", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"}},
}

// Types of ICMPv6 messages that an IPv6 link cannot work without.
var linkTypes = []struct {
	why   string
	types []uint8
	to    netip.Prefix
}{
	{"neighbour discovery", []uint8{135, 136}, netip.Prefix{}},
	{"multicast listener report", []uint8{131, 132, 143}, netip.MustParsePrefix("ff02::/16")},
}

// Rules is the table for c in a namespace whose interfaces are on links.
func Rules(c Config, links []netip.Prefix) Table {
	flows := []Rule{
		{Why: "answers", State: Established, Verdict: Accept},
		// An announced flow, as FTP has them, is not let through for being announced.
		{Why: "errors about flows", State: Related, Proto: ICMP, Verdict: Accept},
		{Why: "errors about flows", State: Related, Proto: ICMPv6, Verdict: Accept},
		{Why: "own loopback", Local: true, Verdict: Accept},
	}
	for _, l := range linkTypes {
		for _, t := range l.types {
			flows = append(flows, Rule{Why: l.why, To: l.to, Proto: ICMPv6, Type: t, Verdict: Accept})
		}
	}
	t := Table{Input: slices.Clone(flows)}
	t.Output = append([]Rule{{Why: "header options", Options: true, Verdict: Refuse}}, flows...)
	for _, r := range c.Resolvers {
		for _, proto := range []Proto{UDP, TCP} {
			t.Output = append(t.Output, Rule{Why: "resolver", To: netip.PrefixFrom(r, r.BitLen()), Proto: proto, Port: 53, Verdict: Accept})
		}
	}
	for _, p := range c.Refuse {
		t.Output = append(t.Output, Rule{Why: "the lender", To: p.Masked(), Verdict: Refuse})
	}
	for _, p := range links {
		t.Output = append(t.Output, Rule{Why: "gateway, other guests", To: p.Masked(), Verdict: Refuse})
	}
	for _, e := range elsewhere {
		for _, p := range e.prefixes {
			t.Output = append(t.Output, Rule{Why: e.why, To: netip.MustParsePrefix(p), Verdict: Refuse})
		}
	}
	v4, v6 := netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("2000::/3")
	t.Output = append(t.Output,
		Rule{Why: "the Internet", To: v4, Proto: TCP, Verdict: Accept},
		Rule{Why: "the Internet", To: v4, Proto: UDP, Verdict: Accept},
		Rule{Why: "the Internet", To: v4, Proto: ICMP, Type: 8, Verdict: Accept},
		Rule{Why: "the Internet", To: v6, Proto: TCP, Verdict: Accept},
		Rule{Why: "the Internet", To: v6, Proto: UDP, Verdict: Accept},
		Rule{Why: "the Internet", To: v6, Proto: ICMPv6, Type: 128, Verdict: Accept},
		Rule{Why: "all else", Verdict: Refuse},
	)
	return t
}

// family is 4 or 6 where the row is about packets of one only, else 0.
func (r Rule) family() int {
	switch {
	case r.Options, r.Proto == ICMP, r.To.IsValid() && r.To.Addr().Is4():
		return 4
	case r.Proto == ICMPv6, r.To.IsValid():
		return 6
	}
	return 0
}

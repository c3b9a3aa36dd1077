package netlab

import (
	"fmt"
	"strings"
)

// Bridge makes ns a switch: what is plugged into it is one Ethernet.
func (l *Lab) Bridge(ns string) {
	l.t.Helper()
	l.IP(ns, "link add bridge type bridge mcast_snooping 0")
	l.IP(ns, "link set bridge up")
}

// Plug connects namespace ns, by an interface of this name and with this address,
// to the switch.
func (l *Lab) Plug(ns, iface, addr, bridge string) {
	l.t.Helper()
	port := fmt.Sprintf("p%x", len(l.ports))
	l.ports = append(l.ports, port)
	l.Pair(ns, iface, bridge, port)
	l.IP(bridge, "link set dev "+port+" master bridge")
	l.IP(ns, "addr add "+addr+" dev "+iface)
}

// NAT is a kind of router.
type NAT string

// The kinds of routers. All drop silently what nobody inside has asked for, as
// home routers do.
const (
	EndpointIndependent NAT = "independent" // a port inside is one port outside, whoever is called
	Symmetric           NAT = "symmetric"   // another port outside for every call
	NoUDP               NAT = "no-udp"      // endpoint-independent, and UDP does not pass
)

// Router makes ns a router of a kind between its interfaces inside and outside.
func (l *Lab) Router(ns, inside, outside string, kind NAT) {
	l.t.Helper()
	l.Forward(ns)
	masquerade := "-t nat -A POSTROUTING -o " + outside + " -j MASQUERADE"
	if kind == Symmetric {
		masquerade += " --random-fully"
	}
	rules := []string{
		masquerade,
		"-P FORWARD DROP",
		"-A FORWARD -i " + inside + " -o " + outside + " -j ACCEPT",
		"-A FORWARD -i " + outside + " -o " + inside + " -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT",
		"-A INPUT -i " + outside + " -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT",
		"-A INPUT -i " + outside + " -j DROP",
	}
	if kind == NoUDP {
		rules = append(rules, "-I FORWARD -p udp -j DROP")
	}
	for _, r := range rules {
		l.Iptables(ns, r)
	}
}

// Firewall makes ns a router of IPv6 between its interfaces inside and outside that
// translates nothing, and lets in what somebody inside has asked for.
func (l *Lab) Firewall(ns, inside, outside string) {
	l.t.Helper()
	l.Forward(ns)
	for _, r := range []string{
		"-P FORWARD DROP",
		"-A FORWARD -i " + inside + " -o " + outside + " -j ACCEPT",
		"-A FORWARD -i " + outside + " -o " + inside + " -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT",
	} {
		l.tables("ip6tables", ns, r)
	}
}

// Iptables runs iptables with space-separated words in namespace ns.
func (l *Lab) Iptables(ns, words string) {
	l.t.Helper()
	l.tables("iptables", ns, words)
}

func (l *Lab) tables(program, ns, words string) {
	l.t.Helper()
	if out, err := l.Command(ns, append([]string{program, "-w"}, strings.Fields(words)...)...).CombinedOutput(); err != nil {
		l.t.Fatalf("%s %s: %v: %s", program, words, err, out)
	}
}

package p2p

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/p2p/membership"
)

// maxSkew is how far a clock may be off before its owner is told; memberships
// tolerate more.
const maxSkew = membership.Tolerance / 5

// Relaying is what this node relays for members.
func (n *Net) Relaying() api.RelayStatus {
	if s := n.session(); s != nil {
		return s.relayer.status()
	}
	cfg := n.cfg.Relay
	return api.RelayStatus{Enabled: !cfg.Off, Limit: cfg.Circuits, Rate: cfg.Rate}
}

// Reachability is whether members outside can call this node.
func (n *Net) Reachability() api.Reachability {
	if s := n.session(); s != nil {
		return s.reachability()
	}
	return api.ReachUnknown
}

// Diagnose looks at this node's place in the network, now, and says what it found
// and what to do about it. Error: KindUnavailable while the node is not connected.
func (n *Net) Diagnose(ctx context.Context) (api.Diagnosis, error) {
	s, err := n.connected(ctx)
	if err != nil {
		return api.Diagnosis{}, err
	}
	udp := s.tryUDP(ctx)
	d := api.Diagnosis{Time: n.cfg.now().UTC(), Reach: s.reachView(), Relay: s.relayer.status()}
	d.Reach.UDPLeaves = udp > 0
	d.Findings = s.findings(d, udp)
	return d, nil
}

// tryUDP asks members outside over QUIC; it returns how many answered, or less
// than 0 if there was nobody to ask.
func (s *session) tryUDP(ctx context.Context) int {
	s.reach.mu.Lock()
	var ask []peer.ID
	for pid, v := range s.reach.seen {
		if v.outside {
			ask = append(ask, pid)
		}
	}
	s.reach.mu.Unlock()
	ask = slices.DeleteFunc(ask, func(pid peer.ID) bool { return quicAddr(s.host.Peerstore().Addrs(pid)) == nil })
	if len(ask) == 0 {
		return -1
	}
	return s.askUDP(ctx, ask)
}

// reachView is what is known of how this node is reached.
func (s *session) reachView() api.Reach {
	own, now := s.ownNets(), s.n.cfg.now()
	s.reach.mu.Lock()
	defer s.reach.mu.Unlock()
	out := api.Reach{Reachability: s.reach.verdict, Sightings: []api.Sighting{}, Places: []api.Place{}, Aside: []api.SetAside{}}
	var tcp, udp []sighting
	for pid, v := range s.reach.seen {
		a, err := multiaddrOf(v.addr, v.udp)
		if err != nil {
			continue
		}
		id := api.PeerID(pid.String())
		view := api.Sighting{Peer: id, Name: s.nameOf(id), Time: v.at.UTC(), Addr: a.String(), Outside: v.outside, Asked: v.asked, Reached: []string{}, Skew: v.skew.Milliseconds()}
		for _, p := range v.reached.TCP {
			view.Reached = append(view.Reached, fmt.Sprintf("tcp %s:%d", v.addr.Addr(), p))
		}
		for _, p := range v.reached.UDP {
			view.Reached = append(view.Reached, fmt.Sprintf("udp %s:%d", v.addr.Addr(), p))
		}
		out.Sightings = append(out.Sightings, view)
		out.TCPLeaves = out.TCPLeaves || v.outside && !v.udp
		if v.mapped && v.outside && !v.udp {
			tcp = append(tcp, v)
		}
	}
	for _, v := range s.reach.seenUDP {
		if v.mapped && v.outside && now.Sub(v.at) <= mappingLife {
			udp = append(udp, v)
		}
	}
	slices.SortFunc(out.Sightings, func(a, b api.Sighting) int { return cmp.Compare(a.Peer, b.Peer) })
	out.TCP, out.UDP = natKind(tcp, own), natKind(udp, own)
	for pid, p := range s.reach.places {
		id := api.PeerID(pid.String())
		e, _ := s.pool.table.get(id)
		out.Places = append(out.Places, api.Place{Relay: id, Name: e.rec.Name, Latency: api.Duration(e.latency), Since: p.since.UTC(), Expires: p.expires.UTC()})
	}
	slices.SortFunc(out.Places, func(a, b api.Place) int { return cmp.Compare(a.Relay, b.Relay) })
	for pid, a := range s.reach.aside {
		if now.After(a.until) {
			continue
		}
		id := api.PeerID(pid.String())
		out.Aside = append(out.Aside, api.SetAside{Relay: id, Name: s.nameOf(id), Why: a.why, Until: a.until.UTC()})
	}
	slices.SortFunc(out.Aside, func(a, b api.SetAside) int { return cmp.Compare(a.Relay, b.Relay) })
	return out
}

func (s *session) nameOf(id api.PeerID) string {
	e, _ := s.pool.table.get(id)
	return e.rec.Name
}

// findings puts a diagnosis into words.
func (s *session) findings(d api.Diagnosis, udp int) []api.Finding {
	var out []api.Finding
	say := func(name string, ok bool, msg, advice string) {
		if ok {
			advice = ""
		}
		out = append(out, api.Finding{Name: name, OK: ok, Msg: msg, Advice: advice})
	}
	note := func(name, msg, advice string) {
		out = append(out, api.Finding{Name: name, Note: true, Msg: msg, Advice: advice})
	}
	known, alive := 0, 0
	for _, p := range s.n.Peers() {
		if p.State != api.PeerSelf && p.State != api.PeerRevoked {
			known++
			if p.State == api.PeerAlive {
				alive++
			}
		}
	}
	say("peers", alive > 0 || known == 0, fmt.Sprintf("members known beside this one: %d, alive: %d", known, alive),
		"nobody answers: see that this machine is online, or name a member that is up: p2prc peers add HOST:PORT")
	for _, l := range s.liars() {
		say("addresses", false, fmt.Sprintf("%s (%s) gives %s as its own, where another node answers", s.nameOf(l.id), l.id.Short(), l.at), "its owner should look at its settings; that address is left alone for a while")
	}
	var from []string
	skew := time.Duration(0)
	for _, v := range d.Reach.Sightings {
		if v.Outside {
			from = append(from, v.Name+" sees "+v.Addr)
		}
		if k := time.Duration(v.Skew) * time.Millisecond; k.Abs() > skew.Abs() {
			skew = k
		}
	}
	if len(from) == 0 {
		note("address", "no member outside this machine's own network is connected: nobody can say how this one looks from there", "")
		return out
	}
	say("address", true, strings.Join(from, "; "), "")
	port := s.n.Port()
	switch d.Reach.Reachability {
	case api.ReachPublic:
		say("inbound", true, "public: members outside can call this node", "")
	case api.ReachPrivate:
		say("inbound", false, "private: members outside cannot call this node", fmt.Sprintf("it works through relays. Faster and surer: forward port %d, TCP and UDP, in the router to this machine, and open it in its firewall", port))
	case api.ReachUnknown:
		note("inbound", "being looked at", "look again in a moment")
	}
	symmetric := d.Reach.TCP == api.NATSymmetric || d.Reach.UDP == api.NATSymmetric
	say("router", !symmetric || d.Reach.Reachability == api.ReachPublic, fmt.Sprintf("TCP %s, UDP %s", d.Reach.TCP, d.Reach.UDP),
		"the router shows every destination another port: members behind one like it are reached through relays, behind others directly after a second or two. Another setting of the router (\"full cone\", no \"symmetric NAT\") or a forwarded port helps")
	say("tcp", d.Reach.TCPLeaves, "TCP leaves this network: "+yes(d.Reach.TCPLeaves), "members are connected over QUIC alone: see whether a firewall stops outgoing TCP")
	if udp >= 0 {
		say("udp", udp > 0, "UDP leaves this network: "+yes(udp > 0), "see whether a firewall stops outgoing UDP; until then only TCP is used, which gets through fewer routers")
	}
	if d.Reach.Reachability == api.ReachPrivate {
		var at []string
		for _, p := range d.Reach.Places {
			at = append(at, p.Name)
		}
		say("relays", len(at) > 0, "reached through "+cmp.Or(strings.Join(at, " and "), "nobody"), "there must be a public member that relays: a rented server or a forwarded port on one machine is enough")
	}
	for _, a := range d.Reach.Aside {
		say("relays", false, fmt.Sprintf("%s (%s) is set aside until %s: %s", a.Name, a.Relay.Short(), a.Until.Local().Format("15:04"), a.Why), "tell its owner, or do not rely on it")
	}
	say("clock", skew.Abs() < maxSkew, fmt.Sprintf("at most %s apart from others", skew.Abs().Round(time.Millisecond)), "set this machine's clock, or the other's: memberships and invites go by it")
	return out
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

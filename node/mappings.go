package node

import (
	"cmp"
	"context"
	"iter"
	"net/netip"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/client/mapping"
	"github.com/Akilan1999/p2p-rendering-computation/config"
	"github.com/Akilan1999/p2p-rendering-computation/gateway"
	"github.com/Akilan1999/p2p-rendering-computation/gateway/web"
	"github.com/Akilan1999/p2p-rendering-computation/server/policy"
	wmapping "github.com/Akilan1999/p2p-rendering-computation/wire/mapping"
)

// openMappings makes both sides of mapped ports.
func (n *Node) openMappings(dial *dialer) (err error) {
	own, cfg := n.config.Get().Map, n.config.Get().Gateway
	n.gateway, err = gateway.Open(context.Background(), gateway.Config{
		Dial: dial, May: n.mayMap, Names: n.nameOf, Hosts: cfg.Hosts, Public: cfg.Public, Log: n.log.With("part", "gateway"),
		Ports:   n.portsFor,
		Refused: func(from api.Caller, why error) { n.refused(from.String(), wmapping.Protocol, why.Error()) },
		Claims:  n.store.Domains(), Front: n.newFront(cfg),
		Limits: gateway.Limits{Connections: cfg.Connections, PerMapping: cfg.PerMapping, PerClient: cfg.PerClient, NewPerSecond: cfg.NewPerSecond,
			Idle: time.Duration(cfg.Idle), Longest: time.Duration(cfg.Longest)},
	})
	if err != nil {
		return err
	}
	n.mappings, err = mapping.Open(context.Background(), mapping.Config{
		Self: n.net.ID(), Store: n.store.Mappings(), Dial: dial, Targets: n.forwards, Known: n.book.Known, Peers: n.net.Peers, Resolve: n.net.Resolve,
		Names: n.nameOf, Host: n.gatewayHost, Own: n.listensAt, Connections: own.Connections, Log: n.log.With("part", "mappings"),
	})
	return err
}

// newFront serves members' domains.
func (n *Node) newFront(cfg config.Gateway) *web.Front {
	return web.New(web.Config{
		Hosts: cfg.Hosts, HTTPS: cfg.HTTPSPort, HTTP: cfg.HTTPPort, Resolver: cfg.Resolver,
		ACME:    web.ACME{Directory: cfg.ACME, Roots: cfg.ACMECA, Email: cfg.ACMEEmail, Kept: n.home.path(certificatesName)},
		Here:    func() string { return cmp.Or(cfg.Public, n.gatewayHost(n.net.ID())) },
		Clients: cfg.Connections, PerClient: cfg.PerClient, Requests: cfg.PerMapping, Log: n.log.With("part", "domains"),
	})
}

// listensAt tells whether this node itself listens at a port of this machine's
// loopback, for members or as their gateway.
func (n *Node) listensAt(network string, port int) bool {
	return port == n.net.Port() || n.gateway.ListensAt(network, port)
}

// mayMap says why a member may not map a resource through this node, if so. A
// node needs nobody's leave to be its own gateway.
func (n *Node) mayMap(from api.Caller, resource string) error {
	if from.Peer == n.net.ID() {
		return nil
	}
	if why := n.connectsNot(from); why != "" {
		return api.Errorf(api.KindDenied, "%s", why)
	}
	if !policy.Decide(n.server.Policy(), from, api.ActionMap, resource).Allow {
		return api.Errorf(api.KindDenied, "the gateway's owner does not let you map %s", resource).
			WithHint("its owner can: p2prc lend policy allow YOU %s", resource)
	}
	return nil
}

// portsFor are those that a member may have without naming one: of its own gateway
// a node may have all that need no privilege.
func (n *Node) portsFor(from api.Caller) iter.Seq[int] {
	if from.Peer != n.net.ID() {
		return policy.Ports(n.server.Policy(), from)
	}
	return func(yield func(int) bool) {
		for port := 1024; port <= 65535 && yield(port); port++ {
		}
	}
}

// gatewayHost is where clients reach a gateway whose owner does not say it; empty:
// not known. This node's loopback is no such place; another gateway's address that
// only this node's network reaches is one if it has no other.
func (n *Node) gatewayHost(id api.PeerID) string {
	p, _ := n.net.Peer(id)
	if id == n.net.ID() {
		host, _ := hostFrom(p.Addrs)
		return host
	}
	if host, public := hostFrom(append([]string{p.Addr}, p.Addrs...)); public && p.Path != api.PathRelayed {
		return host
	}
	return n.hostOf(id)
}

// carriers is what providers have behind their own NAT (RFC 6598).
var carriers = netip.MustParsePrefix("100.64.0.0/10")

// hostFrom is an address of those in multiaddrs at which others may reach a node: a
// public one, else one of a LAN.
func hostFrom(addrs []string) (host string, public bool) {
	for _, addr := range addrs {
		ip, err := netip.ParseAddr(ipOf(addr))
		switch {
		case err != nil || !ip.IsGlobalUnicast():
		case !ip.IsPrivate() && !carriers.Contains(ip):
			return ip.String(), true
		case host == "":
			host = ip.String()
		}
	}
	return host, false
}

// recheckTunnels ends connections and mappings that are allowed no more. It does not
// wait; gone waits for the mappings.
func (n *Node) recheckTunnels() (gone func()) {
	roles := n.roles()
	n.tunnels.Recheck(roles)
	return n.gateway.Recheck(roles)
}

// Map opens a port at a gateway.
func (n *Node) Map(ctx context.Context, spec api.MapSpec) (api.Mapping, error) {
	return n.mappings.Map(ctx, spec)
}

package p2p

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/freeport"
)

// portTries is how many free ports are tried before there seems to be none.
const portTries = 20

// openHost listens where the owner said, or on the first port that TCP and UDP
// both get: asking whether a port is free and taking it later would let two
// nodes that start together take the same one.
func (n *Net) openHost(g *gater, port int) (host.Host, int, error) {
	if len(n.cfg.Listen) > 0 {
		h, err := n.hostAt(n.cfg.Listen, g)
		return h, port, err
	}
	hosts := n.cfg.Hosts
	if len(hosts) == 0 {
		hosts = allHosts()
	}
	var last error
	for range portTries {
		h, err := n.hostAt(addrsAt(hosts, port), g)
		if err == nil {
			return h, port, nil
		}
		if n.cfg.FixedPort || api.KindOf(err) != api.KindConflict {
			return nil, 0, err
		}
		last = cmp.Or(last, err)
		if port, err = freeport.Find(hosts[0], 1); err != nil {
			return nil, 0, &api.Error{Op: "listen", Kind: api.KindUnavailable, Err: errors.Join(last, err)}
		}
	}
	return nil, 0, last
}

// hostAt is a host that listens on every one of the addresses: libp2p alone is
// content with one of them. KindConflict where one is taken.
func (n *Net) hostAt(listen []string, g *gater) (host.Host, error) {
	addrs := make([]multiaddr.Multiaddr, len(listen))
	for i, s := range listen {
		var err error
		if addrs[i], err = multiaddr.NewMultiaddr(s); err != nil {
			return nil, api.Errorf(api.KindInvalid, "%q is not a listen address: %w", s, err).WithHint("write it like /ip4/0.0.0.0/tcp/4001")
		}
	}
	var more []libp2p.Option
	if n.cfg.MapPort && slices.ContainsFunc(addrs, func(a multiaddr.Multiaddr) bool { return !manet.IsIPLoopback(a) }) {
		more = append(more, libp2p.NATPortMap())
	}
	h, err := newHost(n.key, g, n.ownStreams, n.takeLane, more...)
	if err != nil {
		return nil, &api.Error{Op: "listen", Kind: api.KindInternal, Msg: "cannot start the host", Err: err}
	}
	// Its error tells only of the last address; what is missing tells more.
	err = h.Network().Listen(addrs...)
	for _, want := range addrs {
		if !listens(h, want) {
			taken := api.Errorf(api.KindConflict, "cannot listen on %s: it is taken, or not of this machine", want).WithHint("stop what uses it, or take another port: p2prc up --port N, or for good p2prc config set listen.port N")
			taken.Err = err
			return nil, errors.Join(taken, h.Close())
		}
	}
	return h, nil
}

// allHosts is every address of the machine.
func allHosts() []string {
	hosts := []string{"0.0.0.0"}
	if l, err := net.Listen("tcp6", "[::]:0"); err == nil {
		hosts = append(hosts, "::")
		_ = l.Close() // it only showed that there is IPv6
	}
	return hosts
}

func addrsAt(hosts []string, port int) (addrs []string) {
	for _, h := range hosts {
		family := "ip4"
		if strings.Contains(h, ":") {
			family = "ip6"
		}
		addrs = append(addrs, fmt.Sprintf("/%s/%s/tcp/%d", family, h, port), fmt.Sprintf("/%s/%s/udp/%d/quic-v1", family, h, port))
	}
	return addrs
}

func listens(h host.Host, want multiaddr.Multiaddr) bool {
	for _, have := range h.Network().ListenAddresses() {
		if have.Equal(want) {
			return true
		}
		// Port 0 became some other one; the rest must be the same.
		if samePath(have, want) {
			return true
		}
	}
	return false
}

func samePath(have, want multiaddr.Multiaddr) bool {
	if len(have) != len(want) {
		return false
	}
	for i := range want {
		port := want[i].Protocol().Code == multiaddr.P_TCP || want[i].Protocol().Code == multiaddr.P_UDP
		if have[i].Protocol().Code != want[i].Protocol().Code || (have[i].Value() != want[i].Value() && (!port || want[i].Value() != "0")) {
			return false
		}
	}
	return true
}

package p2p

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	msmux "github.com/multiformats/go-multistream"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

// reachProtocol tells a member how it is seen, and dials it back. See the package comment.
const reachProtocol = "/p2prc/reach/1"

// The frames of reachProtocol; payloads are JSON.
const (
	frameLook wire.Kind = iota + 1
	frameSeen
	frameDial
	frameReached
	frameWhere
	frameThere
)

const (
	maxLook   = 4 << 10 // a frame
	maxClaims = 4       // ports of a kind that one asks to be dialed at
	lookTime  = 3 * time.Second

	lookUDPTime = 1500 * time.Millisecond // an attempt to get through a router waits for it
)

type seen struct {
	Addr string `json:"addr"` // of the asking side, as the answering side sees it
	Time int64  `json:"time"` // Unix milliseconds, by the answering side's clock
}

// ports are claimed by who asks, and those that answered by who dialed.
type ports struct {
	TCP []uint16 `json:"tcp,omitempty"`
	UDP []uint16 `json:"udp,omitempty"`
}

// sighting is what one member saw of this node.
type sighting struct {
	at      time.Time
	conn    network.Conn // it was seen on; nil for one of a moment
	addr    netip.AddrPort
	udp     bool
	mapped  bool // the connection came from the port listened on, so addr is where that one is seen
	outside bool // the member is not on this machine's own network
	asked   bool
	reached ports
	good    time.Duration // for how long it stands; note says
	skew    time.Duration
}

// missed tells whether the member dialed this node and reached nothing.
func (v sighting) missed() bool { return v.asked && len(v.reached.TCP)+len(v.reached.UDP) == 0 }

// looking is one side's end of reachProtocol, over a stream of any kind.
type looking struct {
	r *wire.Reader
	w *wire.Writer
}

func newLooking(st io.ReadWriter) looking {
	return looking{wire.NewReader(st, maxLook), wire.NewWriter(st, maxLook)}
}

// look asks how the other side sees this node.
func (l looking) look() (seen, error) {
	var v seen
	if err := l.w.Send(frameLook, struct{}{}); err != nil {
		return v, err
	}
	return v, l.next(frameSeen, &v)
}

// dial asks to be dialed at the ports, at the address that was seen.
func (l looking) dial(claims ports) (ports, error) {
	var p ports
	if err := l.w.Send(frameDial, claims); err != nil {
		return p, err
	}
	return p, l.next(frameReached, &p)
}

func (l looking) next(want wire.Kind, v any) error {
	kind, payload, err := l.r.Next()
	if err != nil {
		return err
	}
	if kind != want {
		return wire.UnknownKind(kind)
	}
	return wire.Decode(payload, v)
}

// lookOn asks the member at the other end of a direct connection what it sees,
// and to dial this node where it is outside. Both answers are noted when they come.
func (s *session) lookOn(ctx context.Context, c network.Conn, note func(sighting)) error {
	ctx, cancel := context.WithTimeout(ctx, lookTime+s.patience())
	defer cancel()
	st, err := openOn(ctx, c, reachProtocol)
	if err != nil {
		return err
	}
	defer resetStream(s, st)
	l := newLooking(st)
	asked := time.Now()
	v, err := l.look()
	if err != nil {
		return err
	}
	out, err := s.sightingOf(v, c, asked)
	if err != nil {
		return err
	}
	out.conn = c
	note(out)
	if !out.outside {
		return nil
	}
	claims := s.claims(out)
	got, err := l.dial(claims)
	if err != nil {
		return err
	}
	// What was not claimed is not this node's, and each port counts once.
	out.asked = true
	out.reached.TCP = slices.DeleteFunc(claims.TCP, func(p uint16) bool { return !slices.Contains(got.TCP, p) })
	out.reached.UDP = slices.DeleteFunc(claims.UDP, func(p uint16) bool { return !slices.Contains(got.UDP, p) })
	note(out)
	return nil
}

var errNoTransports = errors.New("this host has no transports")

// lookUDP asks a member over a QUIC connection of a moment, from the port that
// this node listens on: how a router maps that port now.
func (s *session) lookUDP(ctx context.Context, pid peer.ID) (sighting, error) {
	ctx, cancel := context.WithTimeout(ctx, lookUDPTime+s.patience())
	defer cancel()
	sw, ok := s.host.Network().(*swarm.Swarm)
	if !ok {
		return sighting{}, errNoTransports
	}
	a := quicAddr(s.host.Peerstore().Addrs(pid))
	if a == nil {
		return sighting{}, errors.New("it has no public QUIC address")
	}
	c, err := sw.TransportForDialing(a).Dial(ctx, a, pid)
	if err != nil {
		return sighting{}, err
	}
	defer c.Close()
	st, err := c.OpenStream(ctx)
	if err != nil {
		return sighting{}, err
	}
	if dl, ok := ctx.Deadline(); ok {
		err = st.SetDeadline(dl)
	}
	if err == nil {
		err = msmux.SelectProtoOrFail(protocolOf(reachProtocol), st)
	}
	if err != nil {
		return sighting{}, err
	}
	asked := time.Now()
	v, err := newLooking(st).look()
	if err != nil {
		return sighting{}, err
	}
	return s.sightingOf(v, c, asked)
}

func quicAddr(all []multiaddr.Multiaddr) multiaddr.Multiaddr {
	for _, a := range all {
		if _, err := a.ValueForProtocol(multiaddr.P_QUIC_V1); err == nil && manet.IsPublicAddr(a) && !relayed(a) {
			return a
		}
	}
	return nil
}

func (s *session) sightingOf(v seen, c network.ConnMultiaddrs, asked time.Time) (sighting, error) {
	at, err := multiaddr.NewMultiaddr(v.Addr)
	if err != nil {
		return sighting{}, api.Errorf(api.KindCorrupt, "not an address")
	}
	addr, udp, err := addrPort(at)
	if err != nil {
		return sighting{}, err
	}
	from, _, err := addrPort(c.LocalMultiaddr())
	if err != nil {
		return sighting{}, err
	}
	member, _, err := addrPort(c.RemoteMultiaddr())
	if err != nil {
		return sighting{}, err
	}
	out := sighting{at: s.n.cfg.now(), addr: addr, udp: udp, outside: outside(addr.Addr(), member.Addr(), s.ownNets()), skew: time.UnixMilli(v.Time).Sub(asked)}
	for _, a := range s.host.Network().ListenAddresses() {
		if listen, onUDP, err := addrPort(a); err == nil && onUDP == udp && listen.Port() == from.Port() {
			out.mapped = true
		}
	}
	return out, nil
}

// claims are the ports to be dialed at by a member that sees this node so: those
// it listens on, those a router was asked to open, and the one seen.
func (s *session) claims(v sighting) ports {
	var p ports
	add := func(udp bool, port uint16) {
		list := &p.TCP
		if udp {
			list = &p.UDP
		}
		if len(*list) < maxClaims && port != 0 && !slices.Contains(*list, port) {
			*list = append(*list, port)
		}
	}
	own := s.ownNets()
	for _, a := range append(s.host.Network().ListenAddresses(), s.host.Addrs()...) {
		if ap, udp, err := addrPort(a); err == nil && (ap.Addr().IsUnspecified() || ap.Addr() == v.addr.Addr() || isOwn(ap.Addr(), own)) {
			add(udp, ap.Port())
		}
	}
	if v.mapped {
		add(v.udp, v.addr.Port())
	}
	return p
}

// addrPort is the IP address and port that a multiaddr begins with, and whether the port is UDP's.
func addrPort(a multiaddr.Multiaddr) (netip.AddrPort, bool, error) {
	if relayed(a) {
		return netip.AddrPort{}, false, errors.New("relayed")
	}
	ip, err := manet.ToIP(a)
	if err != nil {
		return netip.AddrPort{}, false, err
	}
	addr, ok := netip.AddrFromSlice(ip)
	text, udp := "", false
	if text, err = a.ValueForProtocol(multiaddr.P_TCP); err != nil {
		text, err = a.ValueForProtocol(multiaddr.P_UDP)
		udp = true
	}
	if err != nil || !ok {
		return netip.AddrPort{}, false, errors.New("not an address with a port")
	}
	port, err := strconv.ParseUint(text, 10, 16)
	return netip.AddrPortFrom(addr.Unmap(), uint16(port)), udp, err
}

// multiaddrOf is the multiaddr of a TCP or QUIC port.
func multiaddrOf(a netip.AddrPort, udp bool) (multiaddr.Multiaddr, error) {
	family, transport := "ip4", "tcp/%d"
	if a.Addr().Is6() {
		family = "ip6"
	}
	if udp {
		transport = "udp/%d/quic-v1"
	}
	return multiaddr.NewMultiaddr("/" + family + "/" + a.Addr().String() + "/" + fmt.Sprintf(transport, a.Port()))
}

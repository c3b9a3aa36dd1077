// Package mapping is the protocol by which a member, the mapper, has another, the
// gateway, listen for it and hand it what connects.
//
// [Protocol]: the mapper opens one stream for each mapping, which lives as long as
// the stream. Frames are those of package wire:
//
//	kind      direction   payload
//	1 map     to gateway  [Map], once, first
//	2 ready   to mapper   [Ready]: it listens
//	3 fail    to mapper   [api.Problem]: it does not, or no longer, and the stream ends
//	4 beat    both        {}: every [Beat]; who hears nothing for [Silence] ends it
//	6 state   to mapper   [State]: what a domain waits for, whenever that changes
//	7 leave   to gateway  {}: the mapper lets its domain go, and the stream ends
//	8 over    to gateway  {}: the mapper wants it no more; a domain stays its own
//
// The mapping of a mapper that says lasting in map outlives a stream that ends without a
// word, with its connections: for a while it is there to be asked for again, with the
// first port that it had. Otherwise a mapping with the id of one that its mapper has
// already takes its place: the mapper restarted before the gateway knew.
//
// After leave and over the stream ends when the mapping is gone: others may have then
// what it had.
//
// A domain is its mapper's from the first ready on until leave, over streams that
// break and restarts of both ends; its gateway may forget one that was long away.
//
// [Carry]: the gateway opens one stream for each connection of a client, or for
// each flow of datagrams. Its first frame is
//
//	5 begin     to mapper  [Begin]
//
// and the rest the connection's bytes, as they are, both ways, the end of one way
// being the end of that way alone; or, for datagrams, frames
//
//	4 datagram  both  raw, one datagram, see package datagrams
//
// Nothing answers begin: what leads nowhere is reset.
//
// A mapper that says lasting in map is given a token in the begin of a TCP connection,
// which then outlives its stream as package resume says: its bytes come in frames, and
// a stream that breaks is followed by another, opened by the gateway with
//
//	9 resume    to mapper  [tunnel.Resume], once, first
//	2 ready     to gateway [tunnel.Ready]: it goes on
//	3 fail      to gateway [api.Problem]: it is over
package mapping

import (
	"net/netip"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
	"github.com/Akilan1999/p2p-rendering-computation/wire/tunnel"
)

const (
	// Protocol asks for a mapping, Carry brings a connection.
	Protocol = "/p2prc/map/1"
	Carry    = "/p2prc/mapped/1"
	// MaxFrame bounds what is said about a mapping, MaxBegin what about a connection.
	MaxFrame = 16 << 10
	MaxBegin = 1 << 10
	// MaxPorts bounds a mapping's ports.
	MaxPorts = 64
	maxAllow = 64

	Beat    = 5 * time.Second
	Silence = 3 * Beat
)

// The kinds of frames.
const (
	KindMap   wire.Kind = 1
	KindReady wire.Kind = 2
	KindFail  wire.Kind = 3
	KindBeat  wire.Kind = 4
	KindBegin wire.Kind = 5
	KindState wire.Kind = 6
	KindLeave wire.Kind = 7
	KindOver  wire.Kind = 8
	// KindResume is answered with KindReady or KindFail, which are those of package tunnel.
	KindResume wire.Kind = 9
	// KindDatagram is that of package tunnel: a flow is passed on as it is.
	KindDatagram = tunnel.KindDatagram
)

// Map says what is wanted.
type Map struct {
	ID      api.MappingID  `json:"id"`
	Network string         `json:"network"` // tcp or udp; https, h2c or tls for a domain
	Ports   int            `json:"ports"`   // how many, side by side
	First   int            `json:"first"`   // the first of them; 0: any
	Prefer  int            `json:"prefer"`  // with any: this one if it can be had
	Allow   []netip.Prefix `json:"allow"`   // clients that may; empty: all
	Domain  string         `json:"domain,omitempty"`
	// Lasting says that the mapper can go on over another stream.
	Lasting bool `json:"lasting,omitempty"`
}

// Ready is what was had.
type Ready struct {
	First int `json:"first"` // the first port; of a domain the gateway's for HTTPS
	// Host is where clients reach the gateway, if its owner said; else where members do.
	Host string `json:"host,omitempty"`
}

// State is how a domain stands.
type State struct {
	Waits string `json:"waits"` // for what, in words; empty: it can be reached
}

// Begin is a client that connected, or for https a gateway that speaks for several.
type Begin struct {
	ID     api.MappingID  `json:"id"`
	Port   int            `json:"port"`   // which of the mapping's ports, from 0
	Client netip.AddrPort `json:"client"` // as the gateway sees it; none for https
	Server netip.AddrPort `json:"server"` // where it connected
	// Token is what the gateway takes a lasting connection up with.
	Token string `json:"token,omitempty"`
}

// Check refuses, as KindInvalid, what cannot be meant.
func (m Map) Check() error {
	switch {
	case len(m.ID) == 0 || len(m.ID) > 26:
		return api.Errorf(api.KindInvalid, "a mapping without an id")
	case m.Domain != "":
		return m.checkDomain()
	case m.Network != "tcp" && m.Network != "udp":
		return api.Errorf(api.KindInvalid, "unknown network %.20q", m.Network).WithHint("tcp or udp")
	case m.Ports < 1 || m.Ports > MaxPorts:
		return api.Errorf(api.KindInvalid, "%d ports", m.Ports).WithHint("1 to %d", MaxPorts)
	case m.First < 0 || m.First > 65536-m.Ports || m.Prefer < 0 || m.Prefer > 65536-m.Ports:
		return api.Errorf(api.KindInvalid, "there are no %d ports from %d on", m.Ports, max(m.First, m.Prefer)).WithHint("1 to 65535")
	}
	return m.checkAllow()
}

func (m Map) checkAllow() error {
	if len(m.Allow) > maxAllow {
		return api.Errorf(api.KindInvalid, "%d networks are too many", len(m.Allow)).WithHint("at most %d", maxAllow)
	}
	return nil
}

// Package tunnel is the protocol by which a member reaches something that listens
// on another member's machine, or beside it.
//
// One stream is one TCP connection, or one flow of UDP datagrams. The first frame
// each way is one of package wire:
//
//	kind      direction   payload
//	1 open    to server   [Open], once, first
//	2 ready   to asker    [Ready]: the other end is connected
//	3 fail    to asker    [api.Problem]: it is not, and the stream ends
//	5 resume  to server   [Resume] instead of open: go on with a connection that has a token
//
// After ready a TCP stream is the connection's bytes, as they are, both ways, and
// the end of one way is the end of that way alone; a reset stream is a reset
// connection. Who asked for it in open, and was given a token in ready, has a
// connection that outlives its stream instead, as package resume says: the bytes
// come in frames, and a stream that breaks is followed by another, with resume. A
// server that knows nothing of this gives no token. A UDP stream goes on with frames
//
//	4 datagram  both  raw, one datagram, see package datagrams
package tunnel

import (
	"net"
	"strconv"
	"strings"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire"
)

const (
	// Protocol is the stream protocol.
	Protocol = "/p2prc/tunnel/1"
	// MaxOpen bounds the first frame each way.
	MaxOpen = 4 << 10
)

// The kinds of frames.
const (
	KindOpen     wire.Kind = 1
	KindReady    wire.Kind = 2
	KindFail     wire.Kind = 3
	KindDatagram wire.Kind = 4
	KindResume   wire.Kind = 5
)

// Open says where to.
type Open struct {
	Network string `json:"network"` // tcp or udp
	// Host is a name or an address beside the peer; empty: the peer's own loopback.
	Host string `json:"host,omitempty"`
	Port int    `json:"port"`
	// Public says that it is for somebody outside of the network: a mapping leads here.
	Public bool `json:"public,omitempty"`
	// Lasting asks for a connection that outlives its stream, of TCP.
	Lasting bool `json:"lasting,omitempty"`
}

// Ready is the answer to what can be done.
type Ready struct {
	// Token is what the member that asked takes a lasting connection up with.
	Token string `json:"token,omitempty"`
	// Got is how many bytes the server has of one that is taken up.
	Got int64 `json:"got,omitempty"`
}

// Resume takes a lasting connection up on another stream.
type Resume struct {
	Token string `json:"token"`
	Got   int64  `json:"got"` // how many bytes the asker has
}

// Address is HOST:PORT, for people.
func (o Open) Address() string { return net.JoinHostPort(o.Host, strconv.Itoa(o.Port)) }

// Check refuses, as KindInvalid, what names no target.
func (o Open) Check() error {
	if o.Network != "tcp" && o.Network != "udp" {
		return api.Errorf(api.KindInvalid, "unknown network %.20q", o.Network).WithHint("tcp or udp")
	}
	if o.Port < 1 || o.Port > 65535 {
		return api.Errorf(api.KindInvalid, "%d is no port", o.Port).WithHint("1 to 65535")
	}
	if len(o.Host) > 253 || strings.ContainsFunc(o.Host, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`/[]@*`, r) }) {
		return api.Errorf(api.KindInvalid, "%.60q is no host", o.Host)
	}
	return nil
}

package api

import "time"

// Reachability is whether members outside a node's own network can call it.
type Reachability string

// The kinds of reachability. A node is unknown until a member outside has tried.
const (
	ReachUnknown Reachability = "unknown"
	ReachPublic  Reachability = "public"
	ReachPrivate Reachability = "private"
)

// RelayStatus is what a node relays for others.
type RelayStatus struct {
	Enabled  bool  `json:"enabled" doc:"the owner lets it relay"`
	Active   bool  `json:"active" doc:"it is public and relays for members now"`
	Places   int   `json:"places" doc:"members that can be reached through it"`
	Circuits int   `json:"circuits" doc:"connections relayed now"`
	Limit    int   `json:"limit" doc:"circuits at most"`
	Rate     int64 `json:"rate" doc:"bytes a second at most, both ways together; 0: no limit"`
	Bytes    int64 `json:"bytes" doc:"relayed since start"`
	Refused  int64 `json:"refused" doc:"circuits refused since start"`
}

// Place is a reservation at a relay: others reach this node through it.
type Place struct {
	Relay   PeerID    `json:"relay"`
	Name    string    `json:"name"`
	Latency Duration  `json:"latency" doc:"round trip to the relay"`
	Since   time.Time `json:"since"`
	Expires time.Time `json:"expires" doc:"renewed long before"`
}

// SetAside is a relay that did not do what it offers, and is not used for a while.
type SetAside struct {
	Relay PeerID    `json:"relay"`
	Name  string    `json:"name"`
	Why   string    `json:"why"`
	Until time.Time `json:"until"`
}

// NATKind is how the router between a node and the others treats its packets.
type NATKind string

// The kinds of router. Two nodes get through two of the endpoint-independent kind
// directly; one that gives every destination another port cannot be got through.
const (
	NATUnknown     NATKind = "unknown"
	NATNone        NATKind = "none"
	NATIndependent NATKind = "endpoint-independent"
	NATSymmetric   NATKind = "symmetric"
)

// Sighting is what one member saw of this node.
type Sighting struct {
	Peer    PeerID    `json:"peer"`
	Name    string    `json:"name"`
	Time    time.Time `json:"time"`
	Addr    string    `json:"addr" doc:"the address it saw"`
	Outside bool      `json:"outside" doc:"it is not on this machine's own network"`
	Asked   bool      `json:"asked" doc:"it was asked to dial"`
	Reached []string  `json:"reached" doc:"addresses at which it reached this node"`
	Skew    int64     `json:"skew_ms" doc:"its clock minus this machine's, in milliseconds"`
}

// Reach is how this node can be reached.
type Reach struct {
	Reachability Reachability `json:"reachability"`
	TCP          NATKind      `json:"tcp_nat"`
	UDP          NATKind      `json:"udp_nat"`
	UDPLeaves    bool         `json:"udp_leaves" doc:"a member outside was reached over QUIC"`
	TCPLeaves    bool         `json:"tcp_leaves" doc:"a member outside was reached over TCP"`
	Sightings    []Sighting   `json:"sightings"`
	Places       []Place      `json:"places"`
	Aside        []SetAside   `json:"set_aside"`
}

// Finding is one thing that p2prc doctor says.
type Finding struct {
	Name   string `json:"name" doc:"what was looked at: address, addresses, inbound, router, tcp, udp, relays, clock, peers, or a runtime that is lent"`
	OK     bool   `json:"ok" doc:"found to be in order"`
	Note   bool   `json:"note,omitempty" doc:"not ok, and no problem: nobody can tell yet, or it may be meant so"`
	Msg    string `json:"msg"`
	Advice string `json:"advice,omitempty" doc:"what to do about it"`
}

// Diagnosis is this node's place in the network, looked at now.
type Diagnosis struct {
	Time     time.Time   `json:"time"`
	Reach    Reach       `json:"reach"`
	Relay    RelayStatus `json:"relay"`
	Findings []Finding   `json:"findings"`
}

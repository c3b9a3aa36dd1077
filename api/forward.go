package api

import "time"

// ForwardSpec asks for a local port that leads to a port of a peer, of a host
// beside a peer, or of a container.
type ForwardSpec struct {
	Peers     []string `json:"peers,omitempty" maxItems:"16" doc:"names or ids; the first that connects is used, for each connection anew"`
	Container string   `json:"container,omitempty" maxLength:"100" doc:"one of this node's containers, instead of peers"`
	Network   string   `json:"network,omitempty" enum:"tcp,udp" doc:"tcp if empty"`
	Host      string   `json:"host,omitempty" maxLength:"253" doc:"a host beside the peer; empty: the peer itself"`
	Port      int      `json:"port" minimum:"1" maximum:"65535"`
	Local     int      `json:"local,omitempty" minimum:"0" maximum:"65535" doc:"the port on this machine's loopback; 0: any free one"`
}

// ForwardEvent is a line of what a forward does.
type ForwardEvent struct {
	Listening string   `json:"listening,omitempty" doc:"the first line: HOST:PORT to connect to"`
	Open      int      `json:"open" doc:"connections now"`
	Total     int64    `json:"total" doc:"connections since it began"`
	BytesIn   int64    `json:"bytes_in" doc:"to the target"`
	BytesOut  int64    `json:"bytes_out" doc:"from the target"`
	Problem   *Problem `json:"problem,omitempty" doc:"why a connection could not be made; the forward goes on"`
}

// Tunnel is a member's open connection to something on or beside this machine.
type Tunnel struct {
	ID       TunnelID  `json:"id"`
	Peer     PeerID    `json:"peer" doc:"who connected"`
	Name     string    `json:"name,omitempty" doc:"its name"`
	Network  string    `json:"network"`
	To       string    `json:"to" doc:"HOST:PORT; no host: this machine"`
	Public   bool      `json:"public,omitempty" doc:"for somebody outside of the network: it comes through a mapping"`
	BytesIn  int64     `json:"bytes_in" doc:"to the target"`
	BytesOut int64     `json:"bytes_out" doc:"from the target"`
	Since    time.Time `json:"since"`
}

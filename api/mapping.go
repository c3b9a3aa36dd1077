package api

import "time"

// MapSpec asks for a port, or several side by side, that everybody can reach at a
// gateway and that lead to ports of this node, of peers, or of a container.
type MapSpec struct {
	Port        int      `json:"port" minimum:"1" maximum:"65535" doc:"where it leads; the first, where there are several"`
	Ports       int      `json:"ports,omitempty" minimum:"0" maximum:"64" doc:"how many ports side by side; 1 if 0"`
	Network     string   `json:"network,omitempty" enum:"tcp,udp" doc:"tcp if empty"`
	On          []string `json:"on,omitempty" maxItems:"16" doc:"names or ids of peers; connections are spread over those that answer. Empty: this node"`
	Container   string   `json:"container,omitempty" maxLength:"100" doc:"one of this node's containers, instead of peers"`
	Via         string   `json:"via,omitempty" maxLength:"200" doc:"the gateway, by name or id; empty: the one with the least latency, and another when it is gone"`
	Public      int      `json:"public,omitempty" minimum:"0" maximum:"65535" doc:"the first port at the gateway; 0: Port if that can be had, else any"`
	Any         bool     `json:"any,omitempty" doc:"any free port will do at the gateway"`
	Domain      string   `json:"domain,omitempty" maxLength:"253" doc:"instead of a port: a name, like app.example.org, under which the gateway takes HTTPS with a certificate and hands on HTTP"`
	Passthrough bool     `json:"passthrough,omitempty" doc:"with a domain: TLS is handed on unopened, and the certificate is the service's"`
	H2C         bool     `json:"h2c,omitempty" doc:"with a domain: HTTP/2 without TLS is handed on, as gRPC needs it, instead of HTTP/1.1"`
	Allow       []string `json:"allow,omitempty" maxItems:"64" doc:"networks and addresses of clients; empty: everybody"`
	TTL         Duration `json:"ttl,omitempty" doc:"how long it lives; 0: until it is removed"`
	Proxy       bool     `json:"proxy_protocol,omitempty" doc:"each connection begins with the PROXY protocol's line that says who the client is"`
}

// MappingState is how a mapping stands.
type MappingState string

// The states of a mapping.
const (
	MappingOpening MappingState = "opening" // no gateway has it now; one is looked for
	MappingOpen    MappingState = "open"
	MappingClosed  MappingState = "closed" // by the gateway's owner; it stays so
)

// Mapping is one of this node's.
type Mapping struct {
	ID          MappingID    `json:"id"`
	Spec        MapSpec      `json:"spec"`
	State       MappingState `json:"state"`
	Reason      string       `json:"reason,omitempty" doc:"why it is not open, or what failed last, or why it is not known where it is reached, or what its domain still waits for"`
	Gateway     PeerID       `json:"gateway,omitempty" doc:"the gateway that has it, or had it last"`
	GatewayName string       `json:"gateway_name,omitempty"`
	Public      []string     `json:"public" doc:"where it is reached: HOST:PORT for each port, or https://DOMAIN; empty where its gateway knows no address, as reason then says"`
	DNS         []DNSRecord  `json:"dns,omitempty" doc:"what must stand in the DNS for its domain; empty where its gateway knows no address"`
	Targets     []MapTarget  `json:"targets" doc:"where it leads"`
	Created     time.Time    `json:"created"`
	Expires     time.Time    `json:"expires,omitzero"`
	MapCount
}

// DNSRecord is an entry of the DNS.
type DNSRecord struct {
	Name  string `json:"name"`
	Type  string `json:"type" enum:"A,AAAA,CNAME"`
	Value string `json:"value"`
}

// MapTarget is one place where a mapping leads.
type MapTarget struct {
	Peer PeerID `json:"peer,omitempty" doc:"empty: this node, or a container"`
	Name string `json:"name,omitempty"`
	Down string `json:"down,omitempty" doc:"why it gets no connections now"`
}

// MapCount is what went through a mapping since its node started.
type MapCount struct {
	Open     int   `json:"open" doc:"connections now"`
	Total    int64 `json:"total" doc:"connections"`
	Refused  int64 `json:"refused" doc:"connections that were turned away: over a limit, or from an address that may not"`
	BytesIn  int64 `json:"bytes_in" doc:"to the target"`
	BytesOut int64 `json:"bytes_out" doc:"from the target"`
}

// Carried is a member's mapping, as the gateway that has it sees it.
type Carried struct {
	ID      CarriedID `json:"id" doc:"the gateway's, not its member's"`
	Peer    PeerID    `json:"peer" doc:"whose it is"`
	Name    string    `json:"name,omitempty" doc:"its name"`
	Network string    `json:"network" enum:"tcp,udp,https,h2c,tls" doc:"https, h2c and tls are domains: with our certificate, handed on as HTTP/1.1 or HTTP/2, and unopened"`
	Ports   []int     `json:"ports" doc:"listened on for it"`
	Domain  string    `json:"domain,omitempty"`
	Away    bool      `json:"away,omitempty" doc:"a domain that is kept for its member, who has no mapping of it now"`
	Allow   []string  `json:"allow,omitempty" doc:"clients that may; empty: everybody"`
	Since   time.Time `json:"since"`
	MapCount
}

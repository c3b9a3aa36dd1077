package config

import (
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/size"
)

// PreferredPort is tried first by a node whose owner set no port.
const PreferredPort = 4001

// Config is everything an owner can set. Its zero value is not useful: start
// from Default.
type Config struct {
	Name        string            `json:"name" doc:"what other nodes call this one"`
	Listen      Listen            `json:"listen" doc:"where members reach this node: addresses and port, TCP and QUIC"`
	MDNS        bool              `json:"mdns" doc:"find members on the local network by multicast"`
	PortMapping bool              `json:"port_mapping" doc:"ask the router to open the node's port (UPnP, NAT-PMP, PCP)"`
	Relay       Relay             `json:"relay" doc:"what this node relays for members while it is public"`
	RootNodes   []string          `json:"root_nodes" doc:"addresses to dial at start: host:port or a multiaddr"`
	BlobQuota   size.Bytes        `json:"blob_quota" doc:"most bytes of inputs and outputs kept in the home"`
	LogLevel    string            `json:"log_level" doc:"debug, info, warn or error"`
	Labels      map[string]string `json:"labels" doc:"shown to the pool; job files select by them"`
	Meta        string            `json:"meta" doc:"custom text shown to the pool"`
	Lend        Lend              `json:"lend" doc:"what this machine does for others, and for whom"`
	Gateway     Gateway           `json:"gateway" doc:"bounds of what members map through this node, where the policy lets them"`
	Map         Map               `json:"map" doc:"bounds of what gateways bring to the ports that this node has mapped"`
}

// Gateway bounds what members map through this node, where the policy lets them.
type Gateway struct {
	Hosts        []string     `json:"hosts" doc:"IP addresses to listen on for members; all if empty"`
	Public       string       `json:"public" doc:"the name or address at which clients reach this node; empty: where members reach it"`
	Connections  int          `json:"connections" doc:"clients' connections at a time"`
	PerMapping   int          `json:"per_mapping" doc:"connections at a time of one mapping"`
	PerClient    int          `json:"per_client" doc:"connections at a time of one client's address"`
	NewPerSecond int          `json:"new_per_second" doc:"new connections a second of one mapping"`
	Idle         api.Duration `json:"idle" doc:"a connection over which nothing goes for so long ends"`
	Longest      api.Duration `json:"longest" doc:"a connection that is so old ends"`
	HTTPSPort    int          `json:"https_port" doc:"where members' domains are served, open while there are any"`
	HTTPPort     int          `json:"http_port" doc:"sends on to HTTPS, and answers ACME; 0: no such port"`
	ACME         string       `json:"acme" doc:"the directory of the CA that certificates are had of; whoever lets a member have a domain agrees to its terms"`
	ACMECA       string       `json:"acme_ca" doc:"a file of certificates, in PEM, to know that CA by; empty: this machine's"`
	ACMEEmail    string       `json:"acme_email" doc:"told to that CA; may be empty"`
	Resolver     string       `json:"resolver" doc:"the name server that is asked where domains lead, like 9.9.9.9:53; empty: this machine's"`
}

// Map bounds what gateways bring to the ports that this node has mapped.
type Map struct {
	Connections int `json:"connections" doc:"connections at a time that one gateway brings"`
}

// Relay is what this node relays for members while it is public.
type Relay struct {
	Enabled  bool       `json:"enabled" doc:"false: it relays nothing"`
	Rate     size.Bytes `json:"rate" doc:"bytes a second at most, both ways together; 0: no limit"`
	Circuits int        `json:"circuits" doc:"connections relayed at a time"`
}

// Listen is where the node takes connections, TCP and QUIC on the same port.
type Listen struct {
	Hosts []string `json:"hosts" doc:"IP addresses to listen on; all if empty"`
	Port  int      `json:"port" doc:"0: one that is free; otherwise this one and no other"`
	Kept  int      `json:"kept_port" doc:"the free port the node took last time; written by the node"`
}

// Ports lists the ports to try in order. With fixed, the owner set the port and
// finding it taken is an error; otherwise the last entry is 0, any free port,
// and the one taken should be saved as Kept.
func (l Listen) Ports() (ports []int, fixed bool) {
	switch {
	case l.Port != 0:
		return []int{l.Port}, true
	case l.Kept != 0:
		return []int{l.Kept, 0}, false
	}
	return []int{PreferredPort, 0}, false
}

// Lend is what the owner gives to the pool.
type Lend struct {
	Enabled bool       `json:"enabled" doc:"false: this machine runs nothing for others"`
	Limits  api.Limits `json:"limits" doc:"bytes and cores; 0 stands for the default in docs/lending.md"`
	Policy  []api.Rule `json:"policy" doc:"who may do what: the first row that matches decides, and where none does the answer is no"`
	Docker  Docker     `json:"docker" doc:"the container engine, and what its guests may reach"`
}

// Docker is the container engine that runs containers for others.
type Docker struct {
	Host  string `json:"host" doc:"the engine's socket, like unix:///run/user/1000/docker.sock; empty: DOCKER_HOST, else the usual one"`
	Class string `json:"class" doc:"the engine's runtime that guests run under, like runsc or kata; empty: the engine's default"`
	// Guests on a filtered network never reach private addresses, nor this
	// machine's own; what else they must not reach, and whom they may ask for names.
	Refuse    []string `json:"refuse" doc:"addresses and networks that guests on a filtered network must not reach either, like 203.0.113.0/24"`
	Resolvers []string `json:"resolvers" doc:"name servers of guests on a filtered network; empty: public ones"`
}

// Default is a fresh node's settings: named for its host, lending wasm, and
// docker where an engine answers, to members within the default limits.
func Default() Config {
	return Config{
		Name:        defaultName(os.Hostname()),
		Listen:      Listen{Hosts: []string{}},
		MDNS:        true,
		PortMapping: true,
		Relay:       Relay{Enabled: true, Circuits: 128},
		RootNodes:   []string{},
		BlobQuota:   20 << 30,
		LogLevel:    "info",
		Labels:      map[string]string{},
		Lend: Lend{
			Enabled: true,
			Limits:  api.Limits{Runtimes: []api.RuntimeName{api.RuntimeWasm, api.RuntimeDocker}},
			Policy:  DefaultPolicy(),
			Docker:  Docker{Refuse: []string{}, Resolvers: []string{}},
		},
		Gateway: Gateway{Hosts: []string{}, Connections: 4096, PerMapping: 1024, PerClient: 256, NewPerSecond: 500,
			Idle: api.Duration(time.Hour), Longest: api.Duration(24 * time.Hour),
			HTTPSPort: 443, HTTPPort: 80, ACME: "https://acme-v02.api.letsencrypt.org/directory"},
		Map: Map{Connections: 4096},
	}
}

// DefaultPolicy lets every member that may borrow run wasm modules, and images
// that are on this machine or that it brings, and have containers of them, and
// nothing else: no guest has a network.
func DefaultPolicy() []api.Rule {
	return []api.Rule{
		{Subject: "*", Action: "run", Resource: "runtime:wasm", Allow: true},
		{Subject: "*", Action: "run", Resource: "runtime:docker", Allow: true},
		{Subject: "*", Action: "container", Resource: "runtime:docker", Allow: true},
		{Subject: "*", Action: "image", Resource: "runtime:docker", Allow: true},
	}
}

// Level is LogLevel as slog knows it.
func (c Config) Level() slog.Level {
	var l slog.Level
	if err := l.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return slog.LevelInfo // Validate refuses it before it gets here
	}
	return l
}

// defaultName makes a valid name of a host's.
func defaultName(host string, err error) string {
	host, _, _ = strings.Cut(host, ".")
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, host)
	name = strings.Trim(name, "-")
	if err != nil || name == "" {
		return "node"
	}
	return name[:min(len(name), maxName)]
}

package config

import (
	"errors"
	"log/slog"
	"math"
	"net/mail"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/suggest"
)

// Bounds of what an owner may set; the rest of the pool relies on them.
const (
	maxName   = 63
	maxLabels = 64
	maxLabel  = 200
	maxMeta   = 4096
	maxRules  = 1000

	maxRefuse    = 32 // half of what a guard takes: the machine's own come with them
	maxResolvers = 4
	minQuota     = 16 << 20
	minRate      = 64 << 10
	maxCircuits  = 4096
	maxClients   = 1_000_000
	minIdle      = 10 * time.Second
)

var (
	nameRE   = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9._-]*[a-zA-Z0-9])?$`)
	domainRE = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)
	labelRE  = regexp.MustCompile(`^[a-z]([a-z0-9_.-]*[a-z0-9])?$`)
)

func bad(key, format string, args ...any) *api.Error {
	return api.Errorf(api.KindInvalid, key+": "+format, args...)
}

// Validate checks every value; the error names the key.
func (c Config) Validate() error {
	if err := ValidateName(c.Name); err != nil {
		return err
	}
	if err := c.Listen.validate(); err != nil {
		return err
	}
	for _, a := range c.RootNodes {
		if a == "" || strings.ContainsAny(a, " \t\n") || !strings.ContainsAny(a, ":/") {
			return bad("root_nodes", "%q is not an address", a).WithHint("write host:port, like 192.0.2.7:4001")
		}
	}
	if c.BlobQuota < minQuota {
		return bad("blob_quota", "%s is too little", c.BlobQuota).WithHint("at least 16MiB")
	}
	if c.Relay.Circuits < 1 || c.Relay.Circuits > maxCircuits {
		return bad("relay.circuits", "%d is not 1 to %d", c.Relay.Circuits, maxCircuits).WithHint("p2prc config set relay.enabled false relays nothing")
	}
	if c.Relay.Rate < 0 || c.Relay.Rate > 0 && c.Relay.Rate < minRate {
		return bad("relay.rate", "%s a second is too little", c.Relay.Rate).WithHint("0 for no limit, or at least 64KiB")
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return bad("log_level", "%q is not a level", c.LogLevel).WithHint("use debug, info, warn or error")
	}
	if err := ValidateLabels(c.Labels); err != nil {
		return err
	}
	if len(c.Meta) > maxMeta || !utf8.ValidString(c.Meta) {
		return bad("meta", "want valid UTF-8 text of at most %d bytes", maxMeta)
	}
	if err := ValidateLimits(c.Lend.Limits); err != nil {
		return err
	}
	if err := c.Lend.Docker.validate(); err != nil {
		return err
	}
	if err := c.Gateway.validate(); err != nil {
		return err
	}
	if n := c.Map.Connections; n < 1 || n > maxClients {
		return bad("map.connections", "%d is not 1 to %d", n, maxClients)
	}
	return ValidatePolicy(c.Lend.Policy)
}

func (g Gateway) validate() error {
	if err := validateHosts("gateway.hosts", g.Hosts); err != nil {
		return err
	}
	if _, err := netip.ParseAddr(g.Public); err != nil && g.Public != "" && (len(g.Public) > 253 || !domainRE.MatchString(g.Public)) {
		return bad("gateway.public", "%q is neither a domain nor an address", g.Public).WithHint("like gw.example.com or 203.0.113.9")
	}
	for key, n := range map[string]int{"connections": g.Connections, "per_mapping": g.PerMapping, "per_client": g.PerClient, "new_per_second": g.NewPerSecond} {
		if n < 1 || n > maxClients {
			return bad("gateway."+key, "%d is not 1 to %d", n, maxClients).WithHint("nothing is mapped without rows for listen: in the policy: p2prc lend policy")
		}
	}
	for key, d := range map[string]api.Duration{"idle": g.Idle, "longest": g.Longest} {
		if time.Duration(d) < minIdle {
			return bad("gateway."+key, "%s is too short", time.Duration(d)).WithHint("at least %s", minIdle)
		}
	}
	return g.validateDomains()
}

func (g Gateway) validateDomains() error {
	if g.HTTPSPort < 1 || g.HTTPSPort > 65535 {
		return bad("gateway.https_port", "%d is no port", g.HTTPSPort).WithHint("domains are mapped only where the policy says so: p2prc lend policy")
	}
	if g.HTTPPort < 0 || g.HTTPPort > 65535 || g.HTTPPort == g.HTTPSPort {
		return bad("gateway.http_port", "%d is no port beside %d", g.HTTPPort, g.HTTPSPort).WithHint("0 for none")
	}
	if u, err := url.Parse(g.ACME); err != nil || u.Scheme != "https" || u.Host == "" {
		return bad("gateway.acme", "%q is no directory of a CA", g.ACME).WithHint("like https://acme-staging-v02.api.letsencrypt.org/directory")
	}
	if a, err := mail.ParseAddress(g.ACMEEmail); g.ACMEEmail != "" && (err != nil || a.Address != g.ACMEEmail) {
		return bad("gateway.acme_email", "%q is no address", g.ACMEEmail).WithHint("like you@example.org")
	}
	if g.ACMECA != "" && !filepath.IsAbs(g.ACMECA) {
		return bad("gateway.acme_ca", "%q is no whole path", g.ACMECA).WithHint("a file of certificates in PEM, from / on")
	}
	if _, err := netip.ParseAddrPort(g.Resolver); err != nil && g.Resolver != "" {
		return bad("gateway.resolver", "%q is no name server", g.Resolver).WithHint("an address and a port, like 9.9.9.9:53")
	}
	return nil
}

var (
	engineRE = regexp.MustCompile(`^(unix|npipe|tcp|http|https)://[^\s?#]+$`)
	classRE  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)
)

func (d Docker) validate() error {
	if d.Host != "" && !engineRE.MatchString(d.Host) {
		return bad("lend.docker.host", "%q is not a container engine's address", d.Host).WithHint("like unix:///var/run/docker.sock")
	}
	if d.Class != "" && !classRE.MatchString(d.Class) {
		return bad("lend.docker.class", "%q is not a runtime's name", d.Class).WithHint("like runsc; docker info lists those there are")
	}
	if len(d.Refuse) > maxRefuse {
		return bad("lend.docker.refuse", "%d of them are too many", len(d.Refuse)).WithHint("at most %d", maxRefuse)
	}
	if len(d.Resolvers) > maxResolvers {
		return bad("lend.docker.resolvers", "%d of them are too many", len(d.Resolvers)).WithHint("at most %d", maxResolvers)
	}
	for _, r := range d.Refuse {
		if _, err := prefix(r); err != nil {
			return bad("lend.docker.refuse", "%q is neither an address nor a network", r).WithHint("like 203.0.113.7 or 203.0.113.0/24")
		}
	}
	for _, r := range d.Resolvers {
		a, err := netip.ParseAddr(r)
		if err != nil || a.Is4In6() || a.Zone() != "" || a.IsUnspecified() || a.IsMulticast() || a.IsLoopback() {
			return bad("lend.docker.resolvers", "%q is not the address of a name server that guests could reach", r).WithHint("like 9.9.9.9")
		}
	}
	return nil
}

// Refused is Refuse as networks. d must be valid.
func (d Docker) Refused() (all []netip.Prefix) {
	for _, r := range d.Refuse {
		if p, err := prefix(r); err == nil {
			all = append(all, p)
		}
	}
	return all
}

// NameServers is Resolvers as addresses. d must be valid.
func (d Docker) NameServers() (all []netip.Addr) {
	for _, r := range d.Resolvers {
		if a, err := netip.ParseAddr(r); err == nil {
			all = append(all, a)
		}
	}
	return all
}

// prefix reads a network, or an address as the network of it alone.
func prefix(s string) (netip.Prefix, error) {
	a, err := netip.ParseAddr(s)
	if err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err == nil && p.Addr().Is4In6() {
		err = errors.New("an IPv4 address in IPv6")
	}
	return p, err
}

func (l Listen) validate() error {
	if err := validateHosts("listen.hosts", l.Hosts); err != nil {
		return err
	}
	if l.Port < 0 || l.Port > math.MaxUint16 {
		return bad("listen.port", "%d is not a port", l.Port).WithHint("1 to 65535, or 0 for any that is free")
	}
	if l.Kept < 0 || l.Kept > math.MaxUint16 {
		return bad("listen.kept_port", "%d is not a port", l.Kept)
	}
	return nil
}

func validateHosts(key string, hosts []string) error {
	for _, h := range hosts {
		if _, err := netip.ParseAddr(h); err != nil {
			return bad(key, "%q is not an IP address", h).WithHint("like 192.0.2.7 or ::")
		}
	}
	return nil
}

// ValidateName checks a node's name.
func ValidateName(name string) error {
	if len(name) > maxName || !nameRE.MatchString(name) || name == "self" {
		return bad("name", "%q is not a node's name", name).WithHint("letters, digits, '-', '_' and '.', at most %d, and not the word self", maxName)
	}
	return nil
}

// ValidateLabels checks labels as shown to the pool.
func ValidateLabels(labels map[string]string) error {
	if len(labels) > maxLabels {
		return bad("labels", "%d of them are too many", len(labels)).WithHint("at most %d", maxLabels)
	}
	for k, v := range labels {
		if len(k) > maxName || !labelRE.MatchString(k) {
			return bad("labels", "%q is not a label's name", k).WithHint("a lower-case letter, then letters, digits, '_', '-' and '.', at most %d", maxName)
		}
		if len(v) > maxLabel || !utf8.ValidString(v) || strings.ContainsAny(v, "\n\x00") {
			return bad("labels."+k, "want one line of at most %d bytes", maxLabel)
		}
	}
	return nil
}

// ValidateLimits checks lending limits.
func ValidateLimits(l api.Limits) error {
	for key, r := range map[string]api.Resources{"total": l.Total, "per_peer": l.PerPeer, "per_guest": l.PerGuest} {
		if r.CPU < 0 || math.IsNaN(r.CPU) || math.IsInf(r.CPU, 0) || r.Memory < 0 || r.Disk < 0 || r.GPU < 0 {
			return bad("lend.limits."+key, "no amount may be negative")
		}
	}
	if l.MaxWall < 0 || l.MaxOut < 0 || l.MaxProcs < 0 || l.Images < 0 || l.Idle < 0 {
		return bad("lend.limits", "no limit may be negative").WithHint("0 stands for the default")
	}
	if _, err := api.ParseHours(l.Hours); err != nil {
		return err
	}
	for _, r := range l.Runtimes {
		if !r.Valid() {
			return bad("lend.limits.runtimes", "there is no runtime %q", r).WithHint("%s", suggest.Hint(string(r), runtimes))
		}
	}
	return nil
}

var runtimes = []api.RuntimeName{api.RuntimeDocker, api.RuntimeWasm, api.RuntimeProcess}

// ValidatePolicy checks the table's rows; whether a peer id exists is not its business.
func ValidatePolicy(rules []api.Rule) error {
	if len(rules) > maxRules {
		return bad("lend.policy", "%d rows are too many", len(rules)).WithHint("at most %d", maxRules)
	}
	for i, r := range rules {
		if err := r.Check(); err != nil {
			return bad("lend.policy", "row %d: %s", i+1, err.Msg).WithHint("%s", err.Hint)
		}
	}
	return nil
}

package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// mapped is what the command line of p2prc map says.
type mapped struct {
	on     []string
	via    string
	public string // --port
	domain string
	passes bool // --passthrough
	h2c    bool
	udp    bool
	allow  []string
	ttl    time.Duration
	proxy  bool
	asJSON bool
}

func mapCmd(a *app) *cobra.Command {
	var o mapped
	cmd := &cobra.Command{
		Use:   "map PORT[-PORT]",
		Short: "Make a port reachable for everybody",
		Long: `Make a port of this machine, or with --on of members or of one of your containers,
reachable at a gateway: a member with a public address whose owner lets you. The
mapping stays until its --ttl is over or p2prc map rm takes it away, also over
restarts of this node and of the gateway.

At the gateway it has the same port where that is free and allowed, else any;
--port asks for one, or with 0 for any. Without --via the gateway with the least
latency is taken, and another when that one is gone. Several --on share the
connections; one that does not answer gets none.

With --domain the gateway serves HTTPS under that name, with a certificate that it
gets and renews, and the port gets HTTP/1.1; with --h2c, too, HTTP/2 without TLS,
and with --passthrough TLS as it comes. Which DNS record leads the name to the gateway is printed.

The gateway's owner, and the owner of each PEER in --on, must have allowed it:
  p2prc lend policy allow YOU listen:8000-8999
  p2prc lend policy allow YOU domain:app.example.org
  p2prc lend policy allow YOU map:port:3000` + exits(api.KindUsage, api.KindNotRunning, api.KindDenied, api.KindNotFound, api.KindNobody),
		Example: "  p2prc map 3000\n  p2prc map 3000 --domain app.example.org\n  p2prc map 3000 --port 8080 --via gw\n  p2prc map 8000-8010\n  p2prc map 53 --udp --port 5353\n  p2prc map 80 --on web-1 --on web-2\n  p2prc map 22 --allow 198.51.100.0/24 --ttl 2h",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return api.Errorf(api.KindUsage, "p2prc map needs a PORT").WithHint("p2prc map ls lists what is mapped, p2prc map --help shows how")
			}
			return takes(1, 1, "a PORT")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			spec, err := o.spec(args[0])
			switch {
			case err == nil:
				return runMap(cmd.Context(), a, spec, o)
			case nearest(cmd, args[0]) != "":
				return unknown(cmd, args[0])
			}
			return err
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&o.on, "on", nil, "`PEER|CONTAINER` where it leads, instead of this machine; may be repeated for peers")
	f.StringVar(&o.via, "via", "", "the `GATEWAY`, and no other")
	f.StringVar(&o.public, "port", "", "the port at the gateway; 0 for any")
	f.StringVar(&o.domain, "domain", "", "HTTPS under this `NAME`, instead of a port")
	f.BoolVar(&o.passes, "passthrough", false, "with --domain: hand TLS on unopened; the certificate is the service's")
	f.BoolVar(&o.h2c, "h2c", false, "with --domain: the port gets HTTP/2 without TLS, as gRPC needs it")
	f.BoolVar(&o.udp, "udp", false, "datagrams instead of connections")
	f.StringArrayVar(&o.allow, "allow", nil, "only clients of this `NETWORK` or address; may be repeated")
	f.DurationVar(&o.ttl, "ttl", 0, "how long it lives; without it until it is removed")
	f.BoolVar(&o.proxy, "proxy-protocol", false, "tell the service who the client is, by the PROXY protocol, version 1")
	f.BoolVar(&o.asJSON, "json", false, "print the mapping as JSON")
	must(cmd.RegisterFlagCompletionFunc("on", complete(a, forwardWords)))
	must(cmd.RegisterFlagCompletionFunc("via", complete(a, peerWords)))
	cmd.AddCommand(mapLsCmd(a), mapRmCmd(a))
	return cmd
}

func runMap(ctx context.Context, a *app, spec api.MapSpec, o mapped) error {
	client, err := a.node()
	if err != nil {
		return err
	}
	if len(o.on) == 1 {
		_, err := client.Peer(ctx, o.on[0])
		if api.KindOf(err) == api.KindNotFound {
			spec.Container, spec.On = o.on[0], nil
		} else if err != nil {
			return err
		}
	}
	m, err := client.Map(ctx, spec)
	if spec.Container != "" && api.KindOf(err) == api.KindNotFound {
		return nothingCalled(ctx, client, o.on[0])
	}
	if err != nil {
		return err
	}
	if o.asJSON {
		return a.out.json(m)
	}
	if len(m.Public) == 0 {
		return a.out.line("%s is mapped (mapping %s): %s", leadsTo(m), short(m.ID), m.Reason)
	}
	if err := a.out.line("%s leads to %s (mapping %s)", publicOf(m), leadsTo(m), short(m.ID)); err != nil {
		return err
	}
	for _, r := range m.DNS {
		if err := a.out.line("in the DNS there must be: %s %s %s", r.Name, r.Type, r.Value); err != nil {
			return err
		}
	}
	return nil
}

// spec reads the command line.
func (o mapped) spec(ports string) (spec api.MapSpec, err error) {
	spec = api.MapSpec{Ports: 1, Network: "tcp", On: o.on, Via: o.via, Allow: o.allow, TTL: api.Duration(o.ttl), Proxy: o.proxy, Domain: o.domain, Passthrough: o.passes, H2C: o.h2c}
	if o.udp {
		spec.Network = "udp"
	}
	from, to, isRange := strings.Cut(ports, "-")
	if spec.Port, err = portOf(from); err != nil {
		return spec, err
	}
	if isRange {
		last, err := portOf(to)
		if err != nil {
			return spec, err
		}
		if spec.Ports = last - spec.Port + 1; spec.Ports < 1 || spec.Ports > 64 {
			return spec, api.Errorf(api.KindUsage, "%q is no range of 1 to 64 ports", ports)
		}
	}
	switch o.public {
	case "":
	case "0":
		spec.Any = true
	default:
		if spec.Public, err = portOf(o.public); err != nil {
			return spec, err
		}
	}
	if o.ttl < 0 {
		return spec, api.Errorf(api.KindUsage, "--ttl %s is over already", o.ttl)
	}
	return spec, nil
}

func mapLsCmd(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List what is mapped, and how much goes through",
		Long: `List this node's mappings with what went through them since the node started. One
that is not open says why; so does a target that does not answer.` + exits(api.KindNotRunning),
		Example: "  p2prc map ls",
		Args:    takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.node()
			if err != nil {
				return err
			}
			all, err := client.Mappings(cmd.Context())
			if err != nil {
				return err
			}
			now := time.Now()
			return list(a.out, asJSON, all, []string{"ID", "PUBLIC", "LEADS TO", "OPEN", "TOTAL", "IN", "OUT", "LEFT", "STATE"}, func(m api.Mapping) []string {
				return []string{short(m.ID), or(publicOf(m), "-"), leadsTo(m), strconv.Itoa(m.Open), strconv.FormatInt(m.Total, 10), bytesOf(m.BytesIn), bytesOf(m.BytesOut), left(m.Expires, now), mappingState(m)}
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the list as JSON")
	return cmd
}

func mapRmCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "rm ID...",
		Short:   "Take mappings away",
		Long:    "Take mappings away, with the connections that go through them." + exits(api.KindNotRunning, api.KindNotFound),
		Example: "  p2prc map rm 7QK2M4ZT",
		Args:    takes(1, -1, "the ID of a mapping"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.node()
			if err != nil {
				return err
			}
			all, err := client.Mappings(cmd.Context())
			if err != nil {
				return err
			}
			for _, typed := range args {
				id, err := findOne("mapping", "p2prc map ls", typed, all, func(m api.Mapping) string { return string(m.ID) })
				if err != nil {
					return err
				}
				if err := client.Unmap(cmd.Context(), api.MappingID(id)); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// publicOf is where a mapping is reached: HOST:PORT, with more ports HOST:FIRST-LAST.
func publicOf(m api.Mapping) string {
	if len(m.Public) < 2 {
		return strings.Join(m.Public, "")
	}
	last := m.Public[len(m.Public)-1]
	return m.Public[0] + "-" + last[strings.LastIndexByte(last, ':')+1:]
}

// leadsTo says where a mapping leads.
func leadsTo(m api.Mapping) string {
	ports := strconv.Itoa(m.Spec.Port)
	if m.Spec.Ports > 1 {
		ports += "-" + strconv.Itoa(m.Spec.Port+m.Spec.Ports-1)
	}
	if m.Spec.Network == "udp" {
		ports += "/udp"
	}
	if m.Spec.Container != "" {
		return m.Spec.Container + ":" + ports
	}
	var on []string
	for _, t := range m.Targets {
		if t.Peer != "" {
			on = append(on, or(t.Name, t.Peer.Short()))
		}
	}
	return or(strings.Join(on, ","), "this machine") + ":" + ports
}

// mappingState is the state with what explains it.
func mappingState(m api.Mapping) string {
	words := []string{string(m.State)}
	if m.Reason != "" {
		words[0] += ": " + m.Reason
	}
	for _, t := range m.Targets {
		if t.Down != "" {
			words = append(words, fmt.Sprintf("%s: %s", or(t.Name, "target"), t.Down))
		}
	}
	return strings.Join(words, "; ")
}

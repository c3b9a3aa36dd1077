package cli

import (
	"context"
	"encoding/json"
	"net"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// forwarded is what the command line of p2prc forward says.
type forwarded struct {
	to     string // --to
	udp    bool
	asJSON bool
}

func forwardCmd(a *app) *cobra.Command {
	var o forwarded
	cmd := &cobra.Command{
		Use:   "forward PEER[,PEER...]|CONTAINER PORT[:LOCALPORT]",
		Short: "A local port that leads to a peer or a container",
		Long: `Listen on a port of this machine and carry what connects there to a port of PEER,
or of one of your containers, until Ctrl-C. LOCALPORT is PORT where that is free,
else any free one; the first line says which. With several peers each connection
goes to the first that takes it.

With --to HOST:PORT it leads to a host beside PEER that cannot run p2prc itself; then
PORT is left out, and LOCALPORT is written :LOCALPORT.

The owner of PEER must have allowed it there, by port or by host:
  p2prc lend policy allow YOU port:5432
  p2prc lend policy allow YOU host:nas.lan:445` + exits(api.KindUsage, api.KindNotRunning, api.KindNotFound),
		Example: "  p2prc forward big-box 5432\n  p2prc forward big-box 80:8080\n  p2prc forward web-1,web-2 80:0\n  p2prc forward big-box --to nas.lan:445 :4450\n  p2prc forward dns-box 53:5353 --udp\n  p2prc forward my-container 8888",
		Args:    takes(1, 2, "the name of a PEER or a CONTAINER, and a PORT"), ValidArgsFunction: byPlace(complete(a, forwardWords)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runForward(cmd.Context(), a, args, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.to, "to", "", "`HOST:PORT` beside the peer, by the name that its owner's policy has")
	f.BoolVar(&o.udp, "udp", false, "datagrams instead of connections")
	f.BoolVar(&o.asJSON, "json", false, "print what happens as JSON, one line each")
	return cmd
}

// forwardWords are what can be forwarded to.
func forwardWords(ctx context.Context, c *api.Client) ([]string, error) {
	peers, err := peerWords(ctx, c)
	if err != nil {
		return nil, err
	}
	boxes, err := containerWords(ctx, c)
	return append(peers, boxes...), err
}

func runForward(ctx context.Context, a *app, args []string, o forwarded) error {
	spec, anyLocal, err := o.spec(args)
	if err != nil {
		return err
	}
	client, err := a.node()
	if err != nil {
		return err
	}
	_, err = client.Peer(ctx, spec.Peers[0])
	if api.KindOf(err) == api.KindNotFound && len(spec.Peers) == 1 && spec.Host == "" {
		spec.Container, spec.Peers = spec.Peers[0], nil
	} else if err != nil {
		return err
	}
	err = client.Forward(ctx, spec, o.tell(a, args[0], spec))
	if spec.Container != "" && api.KindOf(err) == api.KindNotFound {
		return nothingCalled(ctx, client, args[0])
	}
	if k := api.KindOf(err); anyLocal && (k == api.KindConflict || k == api.KindDenied) { // taken, or the administrator's
		spec.Local = 0
		err = client.Forward(ctx, spec, o.tell(a, args[0], spec))
	}
	if ctx.Err() != nil {
		return nil // Ctrl-C is how it ends
	}
	return err
}

// tell prints what a forward does.
func (o forwarded) tell(a *app, target string, spec api.ForwardSpec) func(api.ForwardEvent) error {
	return func(e api.ForwardEvent) error {
		switch {
		case o.asJSON:
			b, err := json.Marshal(e)
			if err != nil {
				return err
			}
			return a.out.line("%s", b)
		case e.Listening != "":
			if spec.Host != "" {
				target += " to " + spec.Host
			}
			return a.out.line("%s leads to port %d of %s; Ctrl-C ends it", e.Listening, spec.Port, target)
		case e.Problem != nil:
			a.out.note("a connection failed: %s%s", e.Problem.Detail, hinted(e.Problem.Hint))
		}
		return nil
	}
}

func hinted(hint string) string {
	if hint == "" {
		return ""
	}
	return " (" + hint + ")"
}

// spec reads the command line; anyLocal: no local port was asked for.
func (o forwarded) spec(args []string) (spec api.ForwardSpec, anyLocal bool, err error) {
	spec = api.ForwardSpec{Peers: strings.Split(args[0], ","), Network: "tcp"}
	if o.udp {
		spec.Network = "udp"
	}
	typed := ""
	if len(args) == 2 {
		typed = args[1]
	}
	port, local, hasLocal := strings.Cut(typed, ":")
	if o.to != "" {
		if port != "" {
			return spec, false, api.Errorf(api.KindUsage, "--to names the port already").WithHint("write the local port as :%s", port)
		}
		if spec.Host, port, err = net.SplitHostPort(o.to); err != nil || spec.Host == "" {
			return spec, false, api.Errorf(api.KindUsage, "--to %q is not HOST:PORT", o.to)
		}
	}
	if port == "" {
		return spec, false, api.Errorf(api.KindUsage, "to which port of %s?", args[0]).WithHint("p2prc forward %s PORT", args[0])
	}
	if spec.Port, err = portOf(port); err != nil {
		return spec, false, err
	}
	if !hasLocal {
		spec.Local = spec.Port
		return spec, true, nil
	}
	if local == "0" {
		return spec, false, nil
	}
	spec.Local, err = portOf(local)
	return spec, false, err
}

func portOf(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 65535 {
		return 0, api.Errorf(api.KindUsage, "%q is no port", s).WithHint("a number from 1 to 65535")
	}
	return n, nil
}

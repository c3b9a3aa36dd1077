package cli

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// maxToken is the longest token that is read, in bytes.
const maxToken = 4096

func joinCmd(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "join TOKEN|-",
		Short: "Join the network of an invite",
		Long: `Join the network that the token was made in. With - the token is read from
standard input, so that it stands in no history. The node need not run; where it
does, it changes networks at once.

A node that is alone in its own network changes; one that has peers must leave
them first: p2prc leave.` + exits(api.KindDenied),
		Example: "  p2prc join p2prc1-...\n  ssh first p2prc invite | p2prc join -",
		Args:    takes(1, 1, "the TOKEN, or - to read it from standard input"),
		RunE: func(cmd *cobra.Command, args []string) error {
			token := strings.TrimSpace(args[0])
			if token == "-" {
				var err error
				if token, err = readToken(a.env.Stdin); err != nil {
					return err
				}
			}
			if token == "" || len(token) > maxToken || strings.ContainsAny(token, " \t\n") {
				return api.Errorf(api.KindUsage, "that is not an invite's token").WithHint("on a node of the pool: p2prc invite prints one")
			}
			return runJoin(cmd.Context(), a, token, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what was joined as JSON")
	return cmd
}

func readToken(r io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, maxToken+2)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", api.Errorf(api.KindInternal, "standard input: %w", err)
	}
	return strings.TrimSpace(line), nil
}

func runJoin(ctx context.Context, a *app, token string, asJSON bool) error {
	client, err := a.node()
	if err != nil {
		return err
	}
	running := true
	res, err := client.Join(ctx, token)
	if api.KindOf(err) == api.KindNotRunning {
		running = false
		var home string
		if home, err = a.homeDir(); err != nil {
			return err
		}
		res, err = a.deps.Join(ctx, home, token)
	}
	if err != nil {
		return err
	}
	if asJSON {
		return a.out.json(res)
	}
	if err := a.out.line("joined network %s as %s", res.Network, res.Role); err != nil {
		return err
	}
	if running {
		a.out.note("p2prc peers shows who is there")
	} else {
		a.out.note("now start the node: p2prc up --detach")
	}
	return nil
}

func leaveCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "leave",
		Short: "Leave the network",
		Long: `Leave the network. The node is then alone in a new one of its own; coming back
takes a new invite.` + exits(api.KindNotRunning),
		Example: "  p2prc leave && p2prc join -",
		Args:    takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.node()
			if err != nil {
				return err
			}
			if err := client.Leave(cmd.Context()); err != nil {
				return err
			}
			a.out.note("left; this node is alone in a network of its own")
			return nil
		},
	}
}

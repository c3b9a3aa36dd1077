package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

func lendConnectionsCmd(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "connections",
		Short: "See and end members' connections to this machine",
		Long: `List the connections of members to ports of this machine, or to hosts beside it,
that your policy lets them have.` + exits(api.KindNotRunning),
		Example: "  p2prc lend connections\n  p2prc lend connections close 4N2XQPT7",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return group(cmd, args)
			}
			client, err := a.node()
			if err != nil {
				return err
			}
			all, err := client.Tunnels(cmd.Context())
			if err != nil {
				return err
			}
			now := time.Now()
			return list(a.out, asJSON, all, []string{"ID", "FROM", "TO", "KIND", "IN", "OUT", "AGE"}, func(t api.Tunnel) []string {
				return []string{short(t.ID), or(t.Name, t.Peer.Short()), t.To, t.Network, bytesOf(t.BytesIn), bytesOf(t.BytesOut), ago(t.Since, now)}
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the list as JSON")
	cmd.AddCommand(lendConnectionsCloseCmd(a))
	return cmd
}

func lendConnectionsCloseCmd(a *app) *cobra.Command {
	return closing[api.Tunnel]{
		what: "connection", list: "p2prc lend connections", example: "4N2XQPT7",
		long: "End connections at once. A member may connect again as long as the policy lets it.",
		open: func(ctx context.Context, c *api.Client) ([]api.Tunnel, error) { return c.Tunnels(ctx) },
		id:   func(t api.Tunnel) string { return string(t.ID) },
		end: func(ctx context.Context, c *api.Client, id string) error {
			return c.CloseTunnel(ctx, api.TunnelID(id))
		},
	}.cmd(a)
}

package cli

import (
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
	var all bool
	cmd := &cobra.Command{
		Use:     "close ID... | --all",
		Short:   "End connections at once",
		Long:    "End connections at once. A member may connect again as long as the policy lets it." + exits(api.KindNotRunning, api.KindNotFound),
		Example: "  p2prc lend connections close 4N2XQPT7\n  p2prc lend connections close --all",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return api.Errorf(api.KindUsage, "name the connections, or give --all").WithHint("p2prc lend connections lists them")
			}
			client, err := a.node()
			if err != nil {
				return err
			}
			open, err := client.Tunnels(cmd.Context())
			if err != nil {
				return err
			}
			for _, t := range open {
				if all {
					args = append(args, string(t.ID))
				}
			}
			for _, typed := range args {
				id, err := findOne("connection", "p2prc lend connections", typed, open, func(t api.Tunnel) string { return string(t.ID) })
				if err != nil {
					return err
				}
				if err := client.CloseTunnel(cmd.Context(), api.TunnelID(id)); err != nil && (!all || api.KindOf(err) != api.KindNotFound) {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "end every one")
	return cmd
}

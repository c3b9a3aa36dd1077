package cli

import (
	"context"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

func lendMappingsCmd(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "mappings",
		Short: "See and end what members map through this machine",
		Long: `List the ports that this machine listens on for members, and the domains that it
serves for them, as your policy lets them, with what went through since each was
opened. A domain that is away is kept for its member for 30 days; closing it makes
it nobody's.` + exits(api.KindNotRunning),
		Example: "  p2prc lend mappings\n  p2prc lend mappings close 7QK2M4ZT",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return group(cmd, args)
			}
			client, err := a.node()
			if err != nil {
				return err
			}
			all, err := client.Carried(cmd.Context())
			if err != nil {
				return err
			}
			now := time.Now()
			return list(a.out, asJSON, all, []string{"ID", "FOR", "PORTS", "KIND", "OPEN", "TOTAL", "REFUSED", "IN", "OUT", "AGE"}, func(c api.Carried) []string {
				return []string{short(c.ID), or(c.Name, c.Peer.Short()), or(c.Domain, portsOf(c.Ports)), kindOf(c), strconv.Itoa(c.Open), strconv.FormatInt(c.Total, 10),
					strconv.FormatInt(c.Refused, 10), bytesOf(c.BytesIn), bytesOf(c.BytesOut), ago(c.Since, now)}
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the list as JSON")
	cmd.AddCommand(lendMappingsCloseCmd(a))
	return cmd
}

// kindOf is what a mapping carries.
func kindOf(c api.Carried) string {
	if c.Away {
		return c.Network + ", away"
	}
	return c.Network
}

// portsOf is ports side by side: 80, 80-90.
func portsOf(ports []int) string {
	switch len(ports) {
	case 0:
		return "-"
	case 1:
		return strconv.Itoa(ports[0])
	}
	return strconv.Itoa(ports[0]) + "-" + strconv.Itoa(ports[len(ports)-1])
}

func lendMappingsCloseCmd(a *app) *cobra.Command {
	return closing[api.Carried]{
		what: "mapping", list: "p2prc lend mappings", example: "7QK2M4ZT",
		long: `End mappings and their connections at once. Their members' nodes do not come back
with them by themselves; to keep a member from mapping anew, change the policy.`,
		open: func(ctx context.Context, c *api.Client) ([]api.Carried, error) { return c.Carried(ctx) },
		id:   func(c api.Carried) string { return string(c.ID) },
		end: func(ctx context.Context, c *api.Client, id string) error {
			return c.CloseCarried(ctx, api.CarriedID(id))
		},
	}.cmd(a)
}

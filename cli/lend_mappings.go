package cli

import (
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
		Long: `List the ports that this machine listens on for members, as your policy lets them,
with what went through since each was opened.` + exits(api.KindNotRunning),
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
				return []string{short(c.ID), or(c.Name, c.Peer.Short()), portsOf(c.Ports), c.Network, strconv.Itoa(c.Open), strconv.FormatInt(c.Total, 10),
					strconv.FormatInt(c.Refused, 10), bytesOf(c.BytesIn), bytesOf(c.BytesOut), ago(c.Since, now)}
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the list as JSON")
	cmd.AddCommand(lendMappingsCloseCmd(a))
	return cmd
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
	var all bool
	cmd := &cobra.Command{
		Use:   "close ID... | --all",
		Short: "End mappings at once",
		Long: `End mappings and their connections at once. Their members' nodes do not come back
with them by themselves; to keep a member from mapping anew, change the policy.` + exits(api.KindNotRunning, api.KindNotFound),
		Example: "  p2prc lend mappings close 7QK2M4ZT\n  p2prc lend mappings close --all",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return api.Errorf(api.KindUsage, "name the mappings, or give --all").WithHint("p2prc lend mappings lists them")
			}
			client, err := a.node()
			if err != nil {
				return err
			}
			open, err := client.Carried(cmd.Context())
			if err != nil {
				return err
			}
			for _, c := range open {
				if all {
					args = append(args, string(c.ID))
				}
			}
			for _, typed := range args {
				id, err := findOne("mapping", "p2prc lend mappings", typed, open, func(c api.Carried) string { return string(c.ID) })
				if err != nil {
					return err
				}
				if err := client.CloseCarried(cmd.Context(), api.MappingID(id)); err != nil && (!all || api.KindOf(err) != api.KindNotFound) {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "end every one")
	return cmd
}

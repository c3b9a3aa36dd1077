package cli

import (
	"maps"
	"strings"

	"github.com/spf13/cobra"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/config"
)

func labelCmd(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "label [NAME=VALUE | NAME- ...]",
		Short: "Show or change this node's labels",
		Long: `Labels are shown to the pool, and jobs select by them: --where
'labels.zone == "eu"'. NAME=VALUE sets one, NAME- takes one away; without
arguments they are shown.` + exits(api.KindNotRunning),
		Example: "  p2prc label zone=eu disk=ssd\n  p2prc label disk-\n  p2prc label",
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.node()
			if err != nil {
				return err
			}
			self, err := client.Peer(cmd.Context(), "self")
			if err != nil {
				return err
			}
			all := maps.Clone(self.Labels)
			if all == nil {
				all = map[string]string{}
			}
			for _, arg := range args {
				name, value, set := strings.Cut(arg, "=")
				bare, del := strings.CutSuffix(arg, "-")
				switch {
				case set:
					all[name] = value
				case del:
					delete(all, bare)
				default:
					return api.Errorf(api.KindUsage, "%q neither sets nor removes a label", arg).WithHint("%s=VALUE or %s-", arg, arg)
				}
			}
			if len(args) > 0 {
				if err := config.ValidateLabels(all); err != nil {
					return err
				}
				if err := client.SetLabels(cmd.Context(), all); err != nil {
					return err
				}
			}
			if asJSON {
				return a.out.json(all)
			}
			return a.out.line("%s", strings.ReplaceAll(labels(all), " ", "\n"))
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the labels as JSON")
	return cmd
}

func metaCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "meta TEXT",
		Short:   "Set the custom text that the pool sees",
		Long:    `Set the custom text of this node's record; "" takes it away.` + exits(api.KindNotRunning),
		Example: "  p2prc meta 'rack 3, loud, ask before 9'",
		Args:    takes(1, 1, "the TEXT; \"\" takes it away"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.node()
			if err != nil {
				return err
			}
			return client.SetMeta(cmd.Context(), args[0])
		},
	}
}

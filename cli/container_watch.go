package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

func containerLogsCmd(a *app) *cobra.Command {
	var follow bool
	var tail int
	cmd := &cobra.Command{
		Use:   "logs NAME|GROUP",
		Short: "Show what a container's main command printed",
		Long: `Print what the main command of a container printed, as far as the lender kept it
(the last 20 MiB): its stdout here on stdout, its stderr on stderr. With -f go on
until the container stops.` + exits(api.KindNotRunning, api.KindNotFound, api.KindCanceled),
		Example: "  p2prc container logs -f --tail 20 web",
		Args:    takes(1, 1, "the NAME of a container"), ValidArgsFunction: byPlace(complete(a, targetWords)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if tail < 0 {
				return api.Errorf(api.KindUsage, "--tail %d is negative", tail)
			}
			client, err := a.node()
			if err != nil {
				return err
			}
			return each(cmd.Context(), a, client, args, false, func(ctx context.Context, a *app, name string) error {
				return client.ContainerLogs(ctx, name, follow, tail, func(l api.ContainerLog) error {
					w := a.out.stdout
					if l.Stream == "stderr" {
						w = a.out.stderr
					}
					_, err := w.Write(l.Data)
					return err
				})
			})
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on until the container stops")
	cmd.Flags().IntVar(&tail, "tail", 0, "only the last so many lines (0: all)")
	return cmd
}

func containerStatsCmd(a *app) *cobra.Command {
	var follow, asJSON bool
	cmd := &cobra.Command{
		Use:     "stats NAME",
		Short:   "Show what a container uses",
		Long:    "Show what a container uses now and has used; with -f again every second." + exits(api.KindNotRunning, api.KindNotFound, api.KindCanceled),
		Example: "  p2prc container stats -f bench",
		Args:    takes(1, 1, "the NAME of a container"), ValidArgsFunction: byPlace(complete(a, containerWords)),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.node()
			if err != nil {
				return err
			}
			return client.ContainerStats(cmd.Context(), args[0], follow, func(c api.Container) error {
				if asJSON {
					return a.out.json(c)
				}
				u := c.Use
				return a.out.line("cpu %s of %s  memory %s of %s  processes %d  in %s  out %s  cpu time %s", cores(u.CPU), cores(c.Cap.CPU), bytesOf(u.Memory), bytesOf(c.Cap.Memory),
					u.Procs, bytesOf(u.In), bytesOf(u.Out), clock(time.Duration(u.CPUTime)))
			})
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "again every second")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	return cmd
}

func templateCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "template COMMAND",
		Short: "See what a lender's containers can be made from",
		Args:  cobra.ArbitraryArgs,
		RunE:  group,
	}
	cmd.AddCommand(templateLsCmd(a))
	return cmd
}

func templateLsCmd(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "ls [PEER]",
		Short: "List a machine's templates",
		Long: `List the templates of PEER, or of this machine. A template is a folder of the lender's
owner in templates/ of the node's home, with a Dockerfile, a description.txt and a
ports.json.` + exits(api.KindNotRunning, api.KindNotFound),
		Example: "  p2prc template ls big-box",
		Args:    takes(0, 1, ""), ValidArgsFunction: byPlace(complete(a, peerWords)),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.node()
			if err != nil {
				return err
			}
			peer := "self"
			if len(args) == 1 {
				peer = args[0]
			}
			all, err := client.Templates(cmd.Context(), peer)
			if err != nil {
				return err
			}
			return list(a.out, asJSON, all, []string{"NAME", "BASE", "PORTS", "DESCRIPTION"}, func(t api.Template) []string {
				base := "-"
				if t.Base {
					base = "any"
				}
				if t.Problem != "" {
					return []string{t.Name, base, "-", "cannot be used: " + t.Problem}
				}
				words := ""
				for _, p := range t.Ports {
					words += fmt.Sprintf(" %s:%d", p.PortName, p.InternalPort)
				}
				return []string{t.Name, base, or(words, "-"), t.Description}
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the list as JSON")
	return cmd
}

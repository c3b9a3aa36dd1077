package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

func containerCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "container COMMAND",
		Aliases: []string{"containers"},
		Short:   "Have long-lived containers on other machines",
		Long: `Have containers on machines of the pool that live until their time is up, and work
in them: run commands, copy files, reach their ports. What a container may use is
the lender's choice; what is in it is yours.`,
		Args: cobra.ArbitraryArgs,
		RunE: group,
	}
	cmd.AddCommand(containerCreateCmd(a), containerLsCmd(a), containerExecCmd(a), containerLogsCmd(a), containerStatsCmd(a),
		containerCpCmd(a), containerStartCmd(a), containerStopCmd(a), containerRmCmd(a))
	return cmd
}

// containerWords are the names of this node's containers.
func containerWords(ctx context.Context, c *api.Client) ([]string, error) {
	all, err := c.Containers(ctx)
	if err != nil {
		return nil, err
	}
	var words []string
	for _, c := range all {
		words = append(words, c.Name)
	}
	return words, nil
}

// placeWords are what a session can be had in.
func placeWords(ctx context.Context, c *api.Client) ([]string, error) {
	words, err := containerWords(ctx, c)
	if err != nil {
		return nil, err
	}
	peers, err := peerWords(ctx, c)
	return append(words, peers...), err
}

func containerLsCmd(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List your containers everywhere, with what they use now",
		Long: `List the containers that this node has at its lenders, with what they use now. One
whose lender does not answer is unknown; one that is gone says why until it is
removed.` + exits(api.KindNotRunning),
		Example: "  p2prc container ls",
		Args:    takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.node()
			if err != nil {
				return err
			}
			all, err := client.Containers(cmd.Context())
			if err != nil {
				return err
			}
			return printContainers(a.out, all, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the list as JSON")
	return cmd
}

func printContainers(out *output, all []api.Container, asJSON bool) error {
	now := time.Now()
	return list(out, asJSON, all, []string{"NAME", "ON", "STATE", "CPU", "MEMORY", "IN", "OUT", "CPU TIME", "PORTS", "LEFT"}, func(c api.Container) []string {
		return []string{c.Name, or(c.PeerName, c.Peer.Short()), containerState(c), cores(c.Use.CPU), bytesOf(c.Use.Memory), bytesOf(c.Use.In), bytesOf(c.Use.Out),
			clock(time.Duration(c.Use.CPUTime)), or(ports(c.Ports), "-"), left(c.Expires, now)}
	})
}

// containerState is the state with what explains it.
func containerState(c api.Container) string {
	switch {
	case c.Reason != "":
		return fmt.Sprintf("%s: %s", c.State, c.Reason)
	case c.Main != nil && c.Main.Ended:
		return fmt.Sprintf("%s, main ended (%d)", c.State, c.Main.Exit.Code)
	}
	return string(c.State)
}

func ports(all []api.Port) string {
	var words []string
	for _, p := range all {
		words = append(words, fmt.Sprintf("%d->%s", p.Inside, or(p.Address, fmt.Sprintf("?:%d", p.Outside))))
	}
	return strings.Join(words, " ")
}

func left(until, now time.Time) string {
	if until.IsZero() {
		return "-"
	}
	return clock(max(0, until.Sub(now)))
}

func containerStartCmd(a *app) *cobra.Command {
	return containerAct(a, "start", "Run a stopped container again", "Run a stopped container again, with the files it had.", (*api.Client).StartContainer)
}

func containerStopCmd(a *app) *cobra.Command {
	return containerAct(a, "stop", "End what runs in a container, keep its files",
		"Tell the main command of a container to end, kill what is left after ten seconds,\nand give its processor and memory back to the lender. Its files stay until its time\nis up.", (*api.Client).StopContainer)
}

func containerAct(a *app, word, short, long string, act func(*api.Client, context.Context, string) (api.Container, error)) *cobra.Command {
	return &cobra.Command{
		Use: word + " NAME|GROUP...", Short: short, Long: long + exits(api.KindNotRunning, api.KindNotFound),
		Example: "  p2prc container " + word + " bench",
		Args:    takes(1, -1, "the NAME of a container"), ValidArgsFunction: complete(a, targetWords),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.node()
			if err != nil {
				return err
			}
			return each(cmd.Context(), a, client, args, false, func(ctx context.Context, _ *app, name string) error {
				_, err := act(client, ctx, name)
				return err
			})
		},
	}
}

func containerRmCmd(a *app) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "rm NAME|GROUP...",
		Short: "Take containers away with all that is in them",
		Long: `Kill what runs in containers and remove them with their files. With --force one is
forgotten although its lender does not answer; there it ends when its time is up.` + exits(api.KindNotRunning, api.KindNotFound),
		Example: "  p2prc container rm bench",
		Args:    takes(1, -1, "the NAME of a container"), ValidArgsFunction: complete(a, targetWords),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.node()
			if err != nil {
				return err
			}
			return each(cmd.Context(), a, client, args, false, func(ctx context.Context, _ *app, name string) error {
				return client.RemoveContainer(ctx, name, force)
			})
		},
	}
	cmd.Flags().BoolVarP(&force, "force", "f", false, "forget it although its lender does not answer")
	return cmd
}

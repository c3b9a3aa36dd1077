package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

func groupCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "group COMMAND",
		Aliases: []string{"groups"},
		Short:   "Name sets of your containers",
		Long: `Name sets of your containers. Commands that take the name of a container take that
of a group: container exec, logs, cp, start, stop and rm, and plugin run. They are done
to all members at once, each line behind its member's name, and end with the largest
exit code of the members. A container that ends leaves its groups.`,
		Args: cobra.ArbitraryArgs,
		RunE: group,
	}
	cmd.AddCommand(groupCreateCmd(a), groupLsCmd(a), groupShowCmd(a),
		groupChangeCmd(a, "add", "Put containers into a group", "Put containers into a group; one that is in it already stays.", (*api.Client).AddToGroup),
		groupChangeCmd(a, "remove", "Take containers out of a group", "Take containers out of a group. They live on.", (*api.Client).RemoveFromGroup),
		groupRmCmd(a))
	return cmd
}

func groupCreateCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "create NAME [CONTAINER...]",
		Short:   "Make a group",
		Long:    "Make a group of containers, or an empty one. A group and a container cannot have the\nsame name." + exits(api.KindNotRunning, api.KindNotFound),
		Example: "  p2prc group create webs web-1 web-2",
		Args:    takes(1, -1, "a NAME"), ValidArgsFunction: complete(a, containerWords),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := api.CheckName(args[0]); err != nil {
				return err
			}
			client, err := a.node()
			if err != nil {
				return err
			}
			_, err = client.CreateGroup(cmd.Context(), api.Group{Name: args[0], Containers: append([]string{}, args[1:]...)})
			return err
		},
	}
}

func groupLsCmd(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "ls",
		Short:   "List the groups with their containers",
		Long:    "List the groups with their containers." + exits(api.KindNotRunning),
		Example: "  p2prc group ls",
		Args:    takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.node()
			if err != nil {
				return err
			}
			all, err := client.Groups(cmd.Context())
			if err != nil {
				return err
			}
			return list(a.out, asJSON, all, []string{"NAME", "CONTAINERS"}, func(g api.Group) []string {
				return []string{g.Name, or(strings.Join(g.Containers, " "), "-")}
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the list as JSON")
	return cmd
}

func groupShowCmd(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "show NAME",
		Short:   "Show a group's containers",
		Long:    "Show the containers of a group as p2prc container ls does." + exits(api.KindNotRunning, api.KindNotFound),
		Example: "  p2prc group show webs",
		Args:    takes(1, 1, "the NAME of a group"), ValidArgsFunction: byPlace(complete(a, groupWords)),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.node()
			if err != nil {
				return err
			}
			g, err := client.Group(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			all, err := client.Containers(cmd.Context())
			if err != nil {
				return err
			}
			var in []api.Container
			for _, c := range all {
				for _, name := range g.Containers {
					if c.Name == name {
						in = append(in, c)
					}
				}
			}
			return printContainers(a.out, in, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the list as JSON")
	return cmd
}

func groupChangeCmd(a *app, word, short, long string, change func(*api.Client, context.Context, string, ...string) (api.Group, error)) *cobra.Command {
	return &cobra.Command{
		Use: word + " NAME CONTAINER...", Short: short, Long: long + exits(api.KindNotRunning, api.KindNotFound),
		Example: "  p2prc group " + word + " webs web-3",
		Args:    takes(2, -1, "the NAME of a group and a CONTAINER"),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
			known := containerWords
			if len(args) == 0 {
				known = groupWords
			}
			return complete(a, known)(cmd, args, typed)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.node()
			if err != nil {
				return err
			}
			_, err = change(client, cmd.Context(), args[0], args[1:]...)
			return err
		},
	}
}

func groupRmCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "rm NAME...",
		Short:   "Forget groups",
		Long:    "Forget groups. Their containers live on." + exits(api.KindNotRunning, api.KindNotFound),
		Example: "  p2prc group rm webs",
		Args:    takes(1, -1, "the NAME of a group"), ValidArgsFunction: complete(a, groupWords),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.node()
			if err != nil {
				return err
			}
			for _, name := range args {
				if err := client.RemoveGroup(cmd.Context(), name); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

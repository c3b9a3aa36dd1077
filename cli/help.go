package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/suggest"
)

// helpCmd is cobra's, but a command that is not there is a mistake.
func helpCmd() *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: "Explain a command",
		Long:    "Explain a command: what it does, its flags, examples, exit codes.",
		Example: "  p2prc help run\n  p2prc help job submit",
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return unknown(about, rest[0])
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
			about, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var names []string
			for _, c := range about.Commands() {
				if c.IsAvailableCommand() && strings.HasPrefix(c.Name(), typed) {
					names = append(names, c.Name()+"\t"+c.Short)
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
	}
}

// group is what a command that only holds others does: explain itself, or say
// which of its commands was meant.
func group(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	return unknown(cmd, args[0])
}

// unknown is the error of a word that is none of cmd's commands.
func unknown(cmd *cobra.Command, word string) error {
	err := api.Errorf(api.KindUsage, "%s has no command %q", cmd.CommandPath(), word)
	if name := nearest(cmd, word); name != "" {
		return err.WithHint("did you mean %s %s?", cmd.CommandPath(), name)
	}
	return err.WithHint("%s --help lists them", cmd.CommandPath())
}

// nearest is the one of cmd's commands that word is a slip of, or "".
func nearest(cmd *cobra.Command, word string) string {
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(append(names, c.Name()), c.Aliases...)
		}
	}
	return suggest.Closest(word, names)
}

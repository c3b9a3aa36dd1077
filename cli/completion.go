package cli

import (
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/suggest"
)

// shells are those that Tab works in, each with what writes its script.
var shells = map[string]func(root *cobra.Command, w io.Writer) error{
	"bash":       func(root *cobra.Command, w io.Writer) error { return root.GenBashCompletionV2(w, true) },
	"zsh":        (*cobra.Command).GenZshCompletion,
	"fish":       func(root *cobra.Command, w io.Writer) error { return root.GenFishCompletion(w, true) },
	"powershell": (*cobra.Command).GenPowerShellCompletionWithDesc,
}

// completionCmd stands in for cobra's, which takes a shell that it does not know
// for a wish to read its help.
func completionCmd(a *app) *cobra.Command {
	all := slices.Sorted(maps.Keys(shells))
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print what makes Tab complete commands in your shell",
		Long: `Print the script that makes Tab complete commands, flags, and what the node knows:
peers, jobs, containers. SHELL is ` + strings.Join(all, ", ") + `.

The examples load it into the shell that runs; what does so for every new one is the
same line in the shell's own start file (~/.bashrc, ~/.zshrc, ~/.config/fish/config.fish,
$PROFILE). bash needs its package bash-completion, zsh a compinit before that line.` + exits(),
		Example: "  source <(p2prc completion bash)\n  source <(p2prc completion zsh)\n  p2prc completion fish | source\n" +
			"  p2prc completion powershell | Out-String | Invoke-Expression",
		Args:              takes(1, 1, "the name of a SHELL: "+strings.Join(all, ", ")),
		ValidArgsFunction: byPlace(fixed(all...)),
		RunE: func(cmd *cobra.Command, args []string) error {
			script, ok := shells[args[0]]
			if !ok {
				return api.Errorf(api.KindUsage, "there is no completion for a shell %q", args[0]).WithHint("%s", suggest.Hint(args[0], all))
			}
			return script(cmd.Root(), a.out.stdout)
		},
	}
}

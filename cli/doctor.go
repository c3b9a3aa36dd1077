package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

func doctorCmd(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look at this machine and its place in the network, with advice",
		Long: `Look at how this machine is seen and reached by others: its address, the kind
of its router, which protocols leave, who relays for it, its clock, and whether the
runtimes that it lends work, with what to do about each problem.` + exits(api.KindNotRunning, api.KindUnavailable),
		Example: "  p2prc doctor\n  p2prc doctor --json",
		Args:    takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.node()
			if err != nil {
				return err
			}
			d, err := client.Doctor(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return a.out.json(d)
			}
			return printFacts(a.out, findings(d.Findings))
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the diagnosis as JSON")
	return cmd
}

// findings are facts, each with its advice below.
func findings(all []api.Finding) [][2]string {
	var facts [][2]string
	for _, f := range all {
		word := "PROBLEM: "
		switch {
		case f.OK:
			word = "ok: "
		case f.Note:
			word = "note: "
		}
		facts = append(facts, [2]string{f.Name, strings.TrimSuffix(word+f.Msg+"\n"+f.Advice, "\n")})
	}
	return facts
}

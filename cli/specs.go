package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

func specsCmd(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "specs [PEER]",
		Short:   "Show what a machine is",
		Long:    `Show processor, memory, disk, GPUs and system of this machine, or of a peer, which is asked itself.` + exits(api.KindNotRunning, api.KindNotFound),
		Example: "  p2prc specs\n  p2prc specs big-box --json",
		Args:    takes(0, 1, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.node()
			if err != nil {
				return err
			}
			var s api.Specs
			if len(args) == 0 || args[0] == "self" {
				s, err = client.Specs(cmd.Context())
			} else {
				s, err = client.PeerSpecs(cmd.Context(), args[0])
			}
			if err != nil {
				return err
			}
			if asJSON {
				return a.out.json(s)
			}
			return printFacts(a.out, specFacts(s))
		},
		ValidArgsFunction: byPlace(complete(a, peerWords)),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the specs as JSON")
	return cmd
}

func specFacts(s api.Specs) [][2]string {
	facts := [][2]string{
		{"host", s.Hostname},
		{"system", s.OS + " " + s.Arch},
		{"processor", fmt.Sprintf("%s, %s", or(s.CPUModel, "unknown"), plural(int64(s.Cores), "core"))},
		{"memory", bytesOf(s.Memory)},
		{"disk", fmt.Sprintf("%s, %s free", bytesOf(s.Disk), bytesOf(s.DiskFree))},
	}
	for _, g := range s.GPUs {
		facts = append(facts, [2]string{"gpu", fmt.Sprintf("%d: %s %s, %s %s", g.Index, g.Vendor, g.Model, bytesOf(g.Memory), g.Driver)})
	}
	return facts
}

// runtimeFacts says what each runtime gives, and what it cannot.
func runtimeFacts(list []api.RuntimeInfo) [][2]string {
	var facts [][2]string
	for _, rt := range list {
		state := "off"
		switch {
		case !rt.Available:
			state = "cannot be used here"
		case rt.Enabled:
			state = "lent"
		}
		text := fmt.Sprintf("%s; isolation: %s", state, or(rt.Isolation, "unknown"))
		if len(rt.Networks) > 0 {
			text += "\nnetworks that somebody may have: " + names(rt.Networks)
		}
		for _, m := range rt.Missing {
			text += "\nmissing: " + m
		}
		facts = append(facts, [2]string{string(rt.Name), text})
	}
	return facts
}

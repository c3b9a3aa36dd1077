package cli

import (
	"github.com/spf13/cobra"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

func demoCmd(a *app) *cobra.Command {
	var o DemoOptions
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Start a pool on this machine and render an animation on it",
		Long: `Start a few nodes as separate processes with homes of their own, join them by
real invites, render an animation with a path tracer on all of them, and show how
the work was spread. Your own node and home are not touched; nothing is left but
the pictures.` + exits(api.KindTasksFailed),
		Example: "  p2prc demo\n  p2prc demo --scene bunny.obj --frames 48 --size 480x270 --out pictures",
		Args:    takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			for name, n := range map[string]int{"frames": o.Frames, "samples": o.Samples, "nodes": o.Nodes} {
				if n == 0 && cmd.Flags().Changed(name) {
					return api.Errorf(api.KindUsage, "--%s 0 is out of range", name).WithHint("at least 1")
				}
			}
			if o.Scene != "" {
				o.Scene = a.abs(o.Scene)
			}
			if o.Out != "" {
				o.Out = a.abs(o.Out)
			}
			o.Program, o.Stdout, o.Stderr, o.Width = a.env.Program, a.out.stdout, a.out.stderr, a.out.errWidth
			return a.deps.Demo(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Scene, "scene", "", "a Wavefront OBJ file, with its MTL beside it (default: a teapot)")
	f.IntVar(&o.Frames, "frames", 0, "how many frames (default 24)")
	f.StringVar(&o.Size, "size", "", "WIDTHxHEIGHT of a frame (default 256x192)")
	f.IntVar(&o.Samples, "samples", 0, "samples per pixel at most (default 8)")
	f.IntVar(&o.Nodes, "nodes", 0, "how many nodes (default 3)")
	f.StringVarP(&o.Out, "out", "o", "", "folder for the pictures; an earlier run's are replaced (default out)")
	return cmd
}

func versionCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Long:    "Print the version of this program." + exits(),
		Example: "  p2prc version",
		Args:    takes(0, 0, ""),
		RunE:    func(*cobra.Command, []string) error { return a.printVersion() },
	}
}

func (a *app) printVersion() error { return a.out.line("p2prc %s", a.deps.Version) }

// agentCmd only keeps the name from being taken for a mistake: Main runs the
// agent before there are any commands.
func agentCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use: agentName, Hidden: true, DisableFlagParsing: true, Short: "Execute tasks inside a sandbox",
		RunE: func(_ *cobra.Command, args []string) error {
			if code := a.deps.Agent(args); code != 0 {
				return &exitError{code: code}
			}
			return nil
		},
	}
}

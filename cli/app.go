package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/config"
)

// app is one run of the program.
type app struct {
	env    Env
	deps   Deps
	out    *output
	client lazyClient
	home   string // --home
	array  bool   // run was asked for an array: its exit codes are its own
}

func newApp(env Env, deps Deps) *app { return &app{env: env, deps: deps, out: newOutput(env)} }

// lazyClient is made when a command first needs a node.
type lazyClient struct{ c *api.Client }

func (l *lazyClient) close() {
	if l.c != nil {
		l.c.Close()
	}
}

// homeDir is the home this command is about.
func (a *app) homeDir() (string, error) {
	if a.home != "" {
		home := a.abs(a.home)
		return home, config.CheckHome(home)
	}
	return config.Home(a.env.Getenv)
}

// node is the client of the home's node; whether one answers shows in the first call.
func (a *app) node() (*api.Client, error) {
	if a.client.c != nil {
		return a.client.c, nil
	}
	home, err := a.homeDir()
	if err != nil {
		return nil, err
	}
	socket, err := config.Socket(home)
	if err != nil {
		return nil, err
	}
	a.client.c = api.NewClient(socket)
	return a.client.c, nil
}

// abs makes a path of the command line absolute.
func (a *app) abs(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(a.env.Dir, path)
}

// newRoot is the whole tree of commands.
func newRoot(a *app) *cobra.Command {
	version := false
	root := &cobra.Command{
		Use:   "p2prc",
		Short: "One private pool of compute out of machines you already own",
		Long: `p2prc turns machines that you own into one private pool: each runs a node that
lends what its owner allows and borrows what the others lend.

  p2prc up --detach                  start this machine's node
  p2prc invite                       print a token that admits one machine
  p2prc join TOKEN                   on the other machine, then: p2prc up --detach
  p2prc peers                        who is there
  p2prc run --each n=1-100 render.wasm --frame '{n}'

The node's files are in $P2PRC, or ~/.p2prc where that is not set.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if version {
				return a.printVersion()
			}
			return group(cmd, args)
		},
	}
	root.Flags().BoolVar(&version, "version", false, "print the version, as p2prc version does")
	root.PersistentFlags().StringVar(&a.home, "home", "", "the node's folder, instead of $P2PRC or ~/.p2prc")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return flagMistake(err, cmd.CommandPath()+" --help lists the flags")
	})
	root.SetUsageTemplate(usageTemplate)
	root.AddGroup(&cobra.Group{ID: "node", Title: "This node and its network:"}, &cobra.Group{ID: "work", Title: "Work:"},
		&cobra.Group{ID: "own", Title: "Your machine:"}, &cobra.Group{ID: "more", Title: "More:"})
	add := func(group string, cmds ...*cobra.Command) {
		for _, c := range cmds {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("node", upCmd(a), downCmd(a), statusCmd(a), doctorCmd(a), inviteCmd(a), joinCmd(a), leaveCmd(a), membersCmd(a), networkCmd(a), peersCmd(a), specsCmd(a), labelCmd(a), metaCmd(a))
	add("work", runCmd(a), jobCmd(a), imageCmd(a), containerCmd(a), groupCmd(a), pluginCmd(a), templateCmd(a), sshCmd(a), sshConfigCmd(a), forwardCmd(a), mapCmd(a))
	add("own", lendCmd(a))
	add("more", configCmd(a), demoCmd(a), completionCmd(a), versionCmd(a))
	root.AddCommand(agentCmd(a), sshProxyCmd(a))
	root.SetHelpCommand(helpCmd())
	root.SetHelpCommandGroupID("more")
	return root
}

// flagMistake is pflag's error in our words, with what the value should be like or
// else hint.
func flagMistake(err error, hint string) error {
	var bad *pflag.InvalidValueError
	if !errors.As(err, &bad) {
		return api.Errorf(api.KindUsage, "%w", err).WithHint("%s", hint)
	}
	want, like := "", ""
	switch bad.GetFlag().Value.Type() {
	case "duration":
		want, like = "a duration", "like 90s, 5m or 2h30m"
	case "size":
		want, like = "a size", "like 512MiB or 20GiB"
	case "int":
		want, like = "a whole number", "like 3"
	case "float64":
		want, like = "a number", "like 2 or 0.5"
	default:
		return api.Errorf(api.KindUsage, "%w", err).WithHint("%s", hint)
	}
	return api.Errorf(api.KindUsage, "--%s: %q is not %s", bad.GetFlag().Name, bad.GetValue(), want).WithHint("%s", like)
}

// takes checks the number of arguments; names is how the help writes them.
func takes(least, most int, names string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return api.Errorf(api.KindUsage, "%s needs %s", cmd.CommandPath(), names).WithHint("%s --help shows how", cmd.CommandPath())
		case most >= 0 && len(args) > most && nearest(cmd, args[0]) != "":
			return unknown(cmd, args[0])
		case most >= 0 && len(args) > most:
			return api.Errorf(api.KindUsage, "%s takes no %q", cmd.CommandPath(), args[most]).WithHint("%s --help shows how", cmd.CommandPath())
		}
		return nil
	}
}

// exits is the last part of a command's help: its exit codes, by the kinds of
// errors that it is likely to end with.
func exits(kinds ...api.Kind) string {
	words := map[int]string{
		1: "error", 2: "the command line or a value makes no sense", 3: "some tasks failed", 10: "no node is running",
		11: "denied", 12: "not found", 13: "nobody in the pool can run it", 130: "interrupted",
	}
	var b strings.Builder
	b.WriteString("\n\nExit codes:\n    0  ok\n    1  error\n    2  " + words[2] + "\n")
	said := []int{0, 1, 2}
	for _, k := range kinds {
		if code := k.ExitCode(); !slices.Contains(said, code) { // kinds may share one
			said = append(said, code)
			fmt.Fprintf(&b, "  %3d  %s\n", code, words[code])
		}
	}
	return strings.TrimRight(b.String(), "\n")
}

const usageTemplate = `Usage:{{if .Runnable}}
  {{.UseLine}}{{end}}{{if and .HasAvailableSubCommands (ne .Use (print .Name " COMMAND"))}}
  {{.CommandPath}} COMMAND{{end}}{{if .HasExample}}

Examples:
{{.Example}}{{end}}{{if .HasAvailableSubCommands}}{{$cmds := .Commands}}{{if eq (len .Groups) 0}}

Commands:{{range $cmds}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding }} {{.Short}}{{end}}{{end}}{{else}}{{range $group := .Groups}}

{{.Title}}{{range $cmds}}{{if (and (eq .GroupID $group.ID) (or .IsAvailableCommand (eq .Name "help")))}}
  {{rpad .Name .NamePadding }} {{.Short}}{{end}}{{end}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableInheritedFlags}}

Global flags:
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}
`

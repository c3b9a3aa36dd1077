package cli

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/plugin"
)

const pluginsName = "plugins" // the folder in a home

func pluginCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "plugin COMMAND",
		Aliases: []string{"plugins"},
		Short:   "Run Ansible playbooks on containers",
		Long: `Pull folders with Ansible playbooks, and run them on your containers with the Ansible
of this machine.`,
		Args: cobra.ArbitraryArgs,
		RunE: group,
	}
	cmd.AddCommand(pluginLsCmd(a), pluginPullCmd(a), pluginShowCmd(a), pluginRunCmd(a), pluginRmCmd(a))
	return cmd
}

// plugins are those of the home.
func (a *app) plugins() (*plugin.Folder, error) {
	home, err := a.homeDir()
	if err != nil {
		return nil, err
	}
	return plugin.Open(filepath.Join(home, pluginsName)), nil
}

// pluginWords completes the names of plugins; they are files, no node is asked.
func pluginWords(a *app) completer {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		f, err := a.plugins()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		all, _ := f.List() // nothing to offer is no error here
		var names []string
		for _, p := range all {
			names = append(names, p.Name)
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

func pluginLsCmd(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "ls",
		Short:   "List the plugins",
		Long:    "List the plugins in the home, with where each was pulled from." + exits(),
		Example: "  p2prc plugin ls",
		Args:    takes(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			f, err := a.plugins()
			if err != nil {
				return err
			}
			all, err := f.List()
			if err != nil {
				return err
			}
			return list(a.out, asJSON, all, []string{"NAME", "PORTS", "FROM", "COMMIT", "DESCRIPTION"}, func(p plugin.Plugin) []string {
				from, commit := "-", "-"
				if p.Pin != nil {
					from, commit = p.Pin.URL, p.Pin.Commit[:min(12, len(p.Pin.Commit))]
				}
				about, _, _ := strings.Cut(p.Description, "\n")
				if p.Problem != "" {
					about = "cannot be run: " + p.Problem
				}
				return []string{p.Name, strconv.Itoa(p.Ports), from, commit, or(about, "-")}
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the list as JSON")
	return cmd
}

func pluginPullCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "pull GIT-URL[@REV]",
		Short: "Fetch a plugin from a git repository",
		Long: `Fetch a plugin with this machine's git, at its newest or at REV (a tag, branch or
commit), and pin it: its commit and the hash of its files are noted, and a plugin
whose files have changed since does not run. Pulling again takes what is newer.
A REV with a slash needs a GIT-URL that ends in .git.` + exits(api.KindNotFound),
		Example: "  p2prc plugin pull https://example.org/nginx.git@v1.2\n  p2prc plugin pull git@host:plugins/nginx.git\n  p2prc plugin pull ./nginx",
		Args:    takes(1, 1, "a GIT-URL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := a.plugins()
			if err != nil {
				return err
			}
			source := args[0]
			if strings.HasPrefix(source, ".") {
				source = a.abs(source)
			}
			p, err := f.Pull(cmd.Context(), source)
			if err != nil {
				return err
			}
			a.out.note("pinned at commit %s, %s", p.Pin.Commit, p.Pin.Hash)
			return a.out.line("%s", p.Name)
		},
	}
}

func pluginShowCmd(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "show NAME",
		Short:   "Show what a plugin is and would do",
		Long:    "Show where a plugin is from, its files, and its playbook." + exits(api.KindNotFound),
		Example: "  p2prc plugin show nginx",
		Args:    takes(1, 1, "the NAME of a plugin"), ValidArgsFunction: byPlace(pluginWords(a)),
		RunE: func(_ *cobra.Command, args []string) error {
			_, p, err := a.plugin(args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return a.out.json(p)
			}
			return showPlugin(a.out, p)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what is known of it as JSON")
	return cmd
}

// plugin finds one by its name, or a folder by its path.
func (a *app) plugin(name string) (*plugin.Folder, plugin.Plugin, error) {
	f, err := a.plugins()
	if err != nil {
		return nil, plugin.Plugin{}, err
	}
	if strings.ContainsAny(name, `/\`) {
		name = a.abs(name)
	}
	p, err := f.Get(name)
	return f, p, err
}

func showPlugin(out *output, p plugin.Plugin) error {
	files, err := plugin.Files(p.Dir)
	if err != nil {
		return api.Errorf(api.KindInternal, "%w", err)
	}
	facts := [][2]string{{"name", p.Name}, {"description", or(p.Description, "-")}, {"ports", strconv.Itoa(p.Ports)}, {"folder", p.Dir}, {"files", strings.Join(files, "\n")}}
	if p.Pin != nil {
		facts = append(facts, [][2]string{{"from", p.Pin.URL}, {"revision", or(p.Pin.Rev, "-")}, {"commit", p.Pin.Commit}, {"hash", p.Pin.Hash}}...)
	}
	if err := printFacts(out, facts); err != nil {
		return err
	}
	site, err := os.ReadFile(filepath.Join(p.Dir, "site.yml"))
	if err != nil {
		return api.Errorf(api.KindInternal, "%w", err)
	}
	return out.line("\n%s", strings.TrimRight(string(site), "\n"))
}

func pluginRmCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "rm NAME...",
		Short:   "Remove plugins",
		Long:    "Remove plugins from the home. What they did in containers stays." + exits(api.KindNotFound),
		Example: "  p2prc plugin rm nginx",
		Args:    takes(1, -1, "the NAME of a plugin"), ValidArgsFunction: pluginWords(a),
		RunE: func(_ *cobra.Command, args []string) error {
			f, err := a.plugins()
			if err != nil {
				return err
			}
			for _, name := range args {
				if err := f.Remove(name); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/config"
)

func configCmd(a *app) *cobra.Command {
	var env strings.Builder
	for _, v := range config.EnvVars() {
		env.WriteString("\n  " + v.String())
	}
	cmd := &cobra.Command{
		Use:   "config COMMAND",
		Short: "Show or change the settings in config.json",
		Long: `Show or change the settings of this home. They are in config.json; a running
node reads it when it starts, except for what label, meta and lend change at once.

These environment variables stand above the file:` + env.String(),
		Args: cobra.ArbitraryArgs,
		RunE: group,
	}
	cmd.AddCommand(configGetCmd(a), configSetCmd(a), configPathCmd(a), configCheckCmd(a))
	return cmd
}

// settings opens the home's settings.
func (a *app) settings() (*config.File, error) {
	home, err := a.homeDir()
	if err != nil {
		return nil, err
	}
	return config.Open(home, a.env.Getenv)
}

func configGetCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "get [KEY]",
		Short: "Print a setting, or all of them",
		Long: `Print what holds for this process: the file, and above it the environment. Text
is printed as it is, all else as JSON.` + exits(api.KindNotFound),
		Example:           "  p2prc config get\n  p2prc config get lend.limits.total.memory",
		Args:              takes(0, 1, ""),
		ValidArgsFunction: configKeys,
		RunE: func(_ *cobra.Command, args []string) error {
			f, err := a.settings()
			if err != nil {
				return err
			}
			key := ""
			if len(args) == 1 {
				key = args[0]
			}
			value, err := f.Get().Get(key)
			if err != nil {
				return err
			}
			var text string
			if json.Unmarshal(value, &text) == nil {
				return a.out.line("%s", text)
			}
			return a.out.line("%s", value)
		},
	}
}

func configSetCmd(a *app) *cobra.Command {
	defaults := false
	cmd := &cobra.Command{
		Use:   "set KEY VALUE",
		Short: "Change a setting",
		Long: `Change a setting in config.json. The whole file is checked first; when it makes
no sense, the old one stays. Lists are separated by commas, sizes are written
like 20GiB, tables as JSON. With --defaults a config.json with the defaults is written
where there is none.` + exits(),
		Example: "  p2prc config set name big-box\n  p2prc config set listen.port 4001\n  p2prc config set lend.limits.total.memory 8GiB",
		Args: func(cmd *cobra.Command, args []string) error {
			if defaults {
				return takes(0, 0, "")(cmd, args)
			}
			return takes(2, 2, "a KEY and a VALUE")(cmd, args)
		},
		ValidArgsFunction: configKeys,
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := a.settings()
			if err != nil {
				return err
			}
			if defaults {
				return writeDefaults(a, f)
			}
			if err := f.Update(func(c *config.Config) error { return c.Set(args[0], args[1]) }); err != nil {
				return err
			}
			client, err := a.node()
			if err != nil {
				return nil // a home whose socket cannot be has no node to restart
			}
			if _, err := client.Status(cmd.Context()); err == nil {
				a.out.note("saved; the running node reads it when it starts: p2prc down, then p2prc up --detach")
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&defaults, "defaults", false, "write the defaults where there is no config.json")
	return cmd
}

// writeDefaults replaces nothing that somebody set.
func writeDefaults(a *app, f *config.File) error {
	if _, err := os.Stat(f.Path()); err == nil {
		return api.Errorf(api.KindConflict, "%s is there already", f.Path()).WithHint("remove it to go back to the defaults")
	}
	if err := f.Update(func(*config.Config) error { return nil }); err != nil {
		return err
	}
	a.out.note("%s has the defaults", f.Path())
	return nil
}

func configPathCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "path",
		Short:   "Print where config.json is",
		Long:    "Print where config.json is, or will be." + exits(),
		Example: "  p2prc config path\n  less $(p2prc config path)",
		Args:    takes(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			home, err := a.homeDir()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(a.out.stdout, filepath.Join(home, config.FileName))
			return err
		},
	}
}

func configCheckCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "check",
		Short:   "Check config.json and the environment",
		Long:    "Check config.json and the environment variables above it." + exits(),
		Example: "  p2prc config check",
		Args:    takes(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			f, err := a.settings()
			if err != nil {
				return err
			}
			a.out.note("%s is fine", f.Path())
			return nil
		},
	}
}

func configKeys(_ *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []string
	for _, k := range config.Keys() {
		if strings.HasPrefix(k, typed) {
			out = append(out, k+"\t"+config.Doc(k))
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

package cli

import (
	"context"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/plugin"
)

func pluginRunCmd(a *app) *cobra.Command {
	var r plugin.Run
	var yes, asJSON bool
	cmd := &cobra.Command{
		Use:   "run NAME CONTAINER|GROUP|PEER...",
		Short: "Run a plugin on containers",
		Long: `Run a plugin on containers, on all of a group, or on all of yours at a PEER, with the
Ansible of this machine. NAME is a plugin, or a folder that is written with a slash.
Each host's output is printed behind its name and kept; at the end there is a table.
A host that fails harms no other.

A plugin runs on this machine with your rights. One that was pulled is shown before
its first run, which --yes agrees to, and does not run when its files have changed
since.` + exits(api.KindTasksFailed, api.KindNotRunning, api.KindNotFound),
		Example: "  p2prc plugin run nginx web-1\n  p2prc plugin run ./plugins/web-service webs --check --diff\n  p2prc plugin run nginx webs -e workers=4 --yes",
		Args:    takes(2, -1, "the NAME of a plugin, and where to"),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return pluginWords(a)(cmd, args, typed)
			}
			return complete(a, hostWords)(cmd, args, typed)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.node()
			if err != nil {
				return err
			}
			f, p, err := a.plugin(args[0])
			if err != nil {
				return err
			}
			r.Plugin = p
			return runPlugin(cmd.Context(), a, client, f, r, args[1:], yes, asJSON)
		},
	}
	fl := cmd.Flags()
	fl.BoolVar(&r.Check, "check", false, "a dry run: say what would change, and change nothing")
	fl.BoolVar(&r.Diff, "diff", false, "show what changes in files")
	fl.StringArrayVarP(&r.Vars, "extra-vars", "e", nil, "`NAME=VALUE` for the playbook, may be given again")
	fl.IntVar(&r.AtOnce, "parallel", 5, "hosts at a time")
	fl.BoolVarP(&yes, "yes", "y", false, "run a plugin that was not run before")
	fl.BoolVar(&asJSON, "json", false, "print the table as JSON")
	return cmd
}

// hostWords are where a plugin can run.
func hostWords(ctx context.Context, c *api.Client) ([]string, error) {
	words, err := targetWords(ctx, c)
	if err != nil {
		return nil, err
	}
	peers, err := peerWords(ctx, c)
	return append(words, peers...), err
}

func runPlugin(ctx context.Context, a *app, client *api.Client, f *plugin.Folder, r plugin.Run, where []string, yes, asJSON bool) error {
	boxes, all, err := hostsOf(ctx, client, where)
	if err != nil {
		return err
	}
	if err := agree(a, f, r.Plugin, yes); err != nil {
		return err
	}
	home, err := a.homeDir()
	if err != nil {
		return err
	}
	if r.SSHConfig, err = writeSSHBlock(a.env.Program, home); err != nil {
		return err
	}
	hosts, failed, err := givePorts(ctx, client, f, r.Plugin, boxes, all)
	if err != nil {
		return err
	}
	errs := &sharedWriter{w: a.out.stderr}
	var lines []*lineWriter
	results, err := f.On(ctx, r, hosts, func(host string) io.Writer {
		l := &lineWriter{w: errs, prefix: host + ": "}
		lines = append(lines, l)
		return l
	})
	for _, l := range lines {
		_ = l.Flush() // what cannot be printed is in the log
	}
	if err != nil {
		return err
	}
	return printResults(a.out, append(results, failed...), boxes, asJSON)
}

// hostsOf are the containers that words name: a container, a group's, or all that
// this node has at a peer. all is every one that the node has anywhere.
func hostsOf(ctx context.Context, client *api.Client, where []string) (boxes, all []api.Container, err error) {
	if all, err = client.Containers(ctx); err != nil {
		return nil, nil, err
	}
	var names []string
	for _, word := range where {
		isBox := slices.ContainsFunc(all, func(c api.Container) bool { return c.Name == word || string(c.ID) == word })
		peer, perr := client.Peer(ctx, word)
		if isBox || perr != nil {
			names = append(names, word)
			continue
		}
		before := len(names)
		for _, c := range all {
			if c.Peer == peer.ID && c.State != api.ContainerGone {
				names = append(names, c.Name)
			}
		}
		if len(names) == before {
			return nil, nil, api.Errorf(api.KindNotFound, "no container of yours is at %s", word).WithHint("p2prc container create %s --image IMAGE", word)
		}
	}
	names, _, err = members(ctx, client, names)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range names {
		i := slices.IndexFunc(all, func(c api.Container) bool { return c.Name == name || string(c.ID) == name })
		if i < 0 {
			return nil, nil, api.Errorf(api.KindNotFound, "no container, group or peer is called %q", name).WithHint("p2prc container ls and p2prc group ls list them")
		}
		boxes = append(boxes, all[i])
	}
	return boxes, all, nil
}

// agree shows a plugin before its first run, and asks.
func agree(a *app, f *plugin.Folder, p plugin.Plugin, yes bool) error {
	if p.Pin == nil || p.Pin.Agreed {
		return nil
	}
	shown := *a.out
	shown.stdout = a.out.stderr
	if err := showPlugin(&shown, p); err != nil {
		return err
	}
	if !yes {
		if err := agreed(a, "run it on this machine with your rights?", "plugin "+p.Name+" was not run before: read what it does"); err != nil {
			return err
		}
	}
	return f.Agree(p)
}

// givePorts finds each host's free ports; a host that lacks some has failed before it
// began. Those of all others that there are stay as they were given.
func givePorts(ctx context.Context, client *api.Client, f *plugin.Folder, p plugin.Plugin, boxes, all []api.Container) (hosts []plugin.Host, failed []plugin.Result, err error) {
	ports, err := f.OpenPorts()
	if err != nil {
		return nil, nil, err
	}
	for _, c := range boxes {
		given, err := ports.Give(p, c, func(port int) bool { return !listens(ctx, client, c.Name, port) })
		if err != nil {
			failed = append(failed, plugin.Result{Host: c.Name, Error: err.Error()})
			continue
		}
		hosts = append(hosts, plugin.Host{Name: c.Name, Address: c.Name + sshSuffix, Ports: given})
	}
	return hosts, failed, ports.Save(all)
}

// listens tells whether something in a container answers at a port.
func listens(ctx context.Context, client *api.Client, name string, port int) bool {
	const enough = 2 * time.Second
	ctx, cancel := context.WithTimeout(ctx, enough)
	defer cancel()
	s, err := openSession(ctx, client, name)
	if err != nil {
		return false // the run will say why
	}
	defer s.Close()
	err = s.Dial(ctx, "localhost:"+strconv.Itoa(port), strings.NewReader(""), io.Discard)
	return api.KindOf(err) != api.KindUnavailable
}

func printResults(out *output, results []plugin.Result, boxes []api.Container, asJSON bool) error {
	slices.SortFunc(results, func(x, y plugin.Result) int { return strings.Compare(x.Host, y.Host) })
	err := list(out, asJSON, results, []string{"HOST", "OK", "CHANGED", "FAILED", "SKIPPED", "PORTS", "RESULT"}, func(r plugin.Result) []string {
		return []string{r.Host, strconv.Itoa(r.OK), strconv.Itoa(r.Changed), strconv.Itoa(r.Failed), strconv.Itoa(r.Skipped), or(addresses(r, boxes), "-"), or(r.Error, "ok")}
	})
	failed := 0
	for _, r := range results {
		if r.Error != "" {
			failed++
			if r.Log != "" {
				out.note("what %s printed is kept in %s", r.Host, r.Log)
			}
		}
	}
	if err == nil && failed > 0 {
		return api.Errorf(api.KindTasksFailed, "%d of %s failed", failed, plural(int64(len(results)), "host"))
	}
	return err
}

// addresses are where the ports that a host was given are reached.
func addresses(r plugin.Result, boxes []api.Container) string {
	var given []api.Port
	for _, c := range boxes {
		for _, p := range c.Ports {
			if c.Name == r.Host && slices.Contains(r.Ports, p.Inside) {
				given = append(given, p)
			}
		}
	}
	return ports(given)
}

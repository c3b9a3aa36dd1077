package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/config"
	"github.com/Akilan1999/p2p-rendering-computation/internal/suggest"
)

func lendPolicyCmd(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Show or change who may do what here",
		Long: `Show the table that decides who may run what on this machine. The first row that
matches decides; where none does, the answer is no. Long-lived containers that a
change takes away, with their files, are listed first, and the answer has to be yes.

SUBJECT is a PEER, role:member, role:borrower, role:admin, or *. RESOURCE is
wasm, process, docker, containers (long-lived ones), shell (p2prc ssh to this
machine, in a sandbox of runtime process), image (bringing images for tasks and
containers), network:filtered and network:open (what containers of both kinds may
reach), port:5432, port:8000-8010 and host:NAME:PORT (what p2prc forward may reach),
map:port:5432 (which of these ports may be opened to everybody), listen:8000-8999
(ports opened here for members' mappings), domain:app.example.org and
domain:*.example.org (domains served here for them), pull:debian (images that this
machine fetches from their registries), or * for all of that.` + exits(api.KindNotRunning),
		Example: "  p2prc lend policy\n  p2prc lend policy deny noisy-box '*'\n  p2prc lend policy allow big-box process\n  p2prc lend policy deny big-box image\n  p2prc lend policy allow role:member network:filtered\n  p2prc lend policy allow laptop port:5432\n  p2prc lend policy rm 2\n  p2prc lend policy --json > rules.json; p2prc lend policy set rules.json",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return group(cmd, args)
			}
			client, err := a.node()
			if err != nil {
				return err
			}
			return showPolicy(cmd.Context(), client, a.out, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the table as JSON")
	cmd.AddCommand(policyAddCmd(a, "allow", true), policyAddCmd(a, "deny", false), policyRmCmd(a), policySetCmd(a))
	return cmd
}

func showPolicy(ctx context.Context, client *api.Client, out *output, asJSON bool) error {
	rules, err := client.Policy(ctx)
	if err != nil {
		return err
	}
	name := map[string]string{}
	if !asJSON && slices.ContainsFunc(rules, func(r api.Rule) bool { return namesPeer(r.Subject) }) {
		peers, err := client.Peers(ctx)
		if err != nil {
			return err
		}
		for _, p := range peers {
			name[string(p.ID)] = fmt.Sprintf("%s (%s)", or(p.Name, "-"), p.ID.Short())
		}
	}
	n := 0
	return list(out, asJSON, rules, []string{"ROW", "SUBJECT", "ACTION", "RESOURCE", "MAY"}, func(r api.Rule) []string {
		n++
		may := "no"
		if r.Allow {
			may = "yes"
		}
		return []string{strconv.Itoa(n), or(name[r.Subject], r.Subject), r.Action, r.Resource, may}
	})
}

// namesPeer tells whether a row is about one peer.
func namesPeer(subject string) bool { return subject != "*" && !strings.HasPrefix(subject, "role:") }

// yesToEnds is the flag of what may take containers away.
func yesToEnds(cmd *cobra.Command) *bool {
	return cmd.Flags().BoolP("yes", "y", false, "take containers away that are then not allowed")
}

// changePolicy replaces the table by what change makes of it, checked first. yes
// agrees to the containers that it takes away.
func changePolicy(ctx context.Context, a *app, yes bool, change func([]api.Rule) ([]api.Rule, error)) error {
	client, err := a.node()
	if err != nil {
		return err
	}
	rules, err := client.Policy(ctx)
	if err != nil {
		return err
	}
	if rules, err = change(rules); err != nil {
		return err
	}
	if err := config.ValidatePolicy(rules); err != nil {
		return err
	}
	ends, err := client.PolicyEnd(ctx, rules)
	if err != nil {
		return err
	}
	if err := agreeToEnds(a, "this policy takes", ends, yes); err != nil {
		return err
	}
	if err := client.SetPolicy(ctx, rules); err != nil {
		return err
	}
	return showPolicy(ctx, client, a.out, false)
}

func policyAddCmd(a *app, word string, allow bool) *cobra.Command {
	var at int
	var yes *bool
	cmd := &cobra.Command{
		Use:     word + " SUBJECT RESOURCE",
		Short:   "Add a row that says " + map[bool]string{true: "yes", false: "no"}[allow],
		Long:    "Add a row, before all others unless --at says otherwise, and show the table." + exits(api.KindNotRunning, api.KindNotFound),
		Example: "  p2prc lend policy " + word + " big-box process\n  p2prc lend policy " + word + " role:borrower '*' --at 2",
		Args:    takes(2, 2, "a SUBJECT and a RESOURCE"), ValidArgsFunction: byPlace(complete(a, subjectWords), fixed(policyWords...)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return changePolicy(cmd.Context(), a, *yes, func(rules []api.Rule) ([]api.Rule, error) {
				if at < 1 || at > len(rules)+1 {
					return nil, api.Errorf(api.KindUsage, "--at %d: there is no such place", at).WithHint("1 to %d", len(rules)+1)
				}
				row, err := policyRow(args[1])
				if err != nil {
					return nil, err
				}
				row.Subject, row.Allow = args[0], allow
				if namesPeer(row.Subject) {
					p, err := a.client.c.Peer(cmd.Context(), row.Subject)
					if err != nil {
						return nil, err
					}
					row.Subject = string(p.ID)
				}
				return slices.Insert(rules, at-1, row), nil
			})
		},
	}
	cmd.Flags().IntVar(&at, "at", 1, "the row it becomes")
	yes = yesToEnds(cmd)
	return cmd
}

// policyWords are the words for a RESOURCE, and policyKinds what others begin with.
var (
	policyWords = []string{"wasm", "process", "docker", "containers", "shell", "image", "network:filtered", "network:open", "*"}
	policyKinds = []string{"port", "host", "map", "listen", "domain", "pull", "network", "runtime"}
)

// policyRow is what a RESOURCE stands for, for everybody.
func policyRow(word string) (api.Rule, error) {
	row := api.Rule{Subject: "*", Action: "run", Resource: word}
	kind, rest, _ := strings.Cut(word, ":")
	switch {
	case word == "*":
		row.Action = "*"
	case word == "image":
		row.Action, row.Resource = "image", api.RuntimeResource(api.RuntimeDocker)
	case word == "containers":
		row.Action, row.Resource = "container", api.RuntimeResource(api.RuntimeDocker)
	case word == "shell":
		row.Action, row.Resource = "shell", api.RuntimeResource(api.RuntimeProcess)
	case kind == "pull":
		row.Action, row.Resource = "pull", "image:"+rest
	case kind == "network":
		row.Action = "network"
	case kind == "map":
		row.Action, row.Resource = "map", rest
	case kind == "listen", kind == "domain":
		row.Action = "map"
	case kind == "port", kind == "host":
		row.Action = "forward"
	case !strings.Contains(word, ":"):
		row.Resource = "runtime:" + word
	}
	if row.Check() == nil {
		return row, nil
	}
	err := api.Errorf(api.KindUsage, "%q is not a resource", word)
	near := ""
	if is := suggest.Closest(kind, policyKinds); kind == word {
		near = suggest.Closest(word, policyWords)
	} else if is != "" && is != kind {
		near = is + ":" + rest
	}
	if near != "" {
		return row, err.WithHint("did you mean %s?", near)
	}
	return row, err.WithHint("%s, port:5432, port:8000-8010, host:NAME:PORT, map:port:5432, listen:8000-8999, domain:*.example.org or pull:debian", strings.Join(policyWords, ", "))
}

func policyRmCmd(a *app) *cobra.Command {
	var yes *bool
	cmd := &cobra.Command{
		Use:     "rm ROW",
		Short:   "Remove a row",
		Long:    "Remove a row by its number, and show the table." + exits(api.KindNotRunning),
		Example: "  p2prc lend policy rm 2",
		Args:    takes(1, 1, "a ROW"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return changePolicy(cmd.Context(), a, *yes, func(rules []api.Rule) ([]api.Rule, error) {
				n, err := strconv.Atoi(args[0])
				if err != nil || n < 1 || n > len(rules) {
					return nil, api.Errorf(api.KindUsage, "there is no row %q", args[0]).WithHint("p2prc lend policy numbers them")
				}
				return slices.Delete(rules, n-1, n), nil
			})
		},
	}
	yes = yesToEnds(cmd)
	return cmd
}

// maxPolicy is the longest table that is read, in bytes.
const maxPolicy = 1 << 20

func policySetCmd(a *app) *cobra.Command {
	var yes *bool
	cmd := &cobra.Command{
		Use:     "set FILE|-",
		Short:   "Replace the table",
		Long:    "Replace the table by the JSON in FILE (the form that --json prints), and show it." + exits(api.KindNotRunning),
		Example: "  p2prc lend policy --json > rules.json\n  p2prc lend policy set rules.json",
		Args:    takes(1, 1, "a FILE, or - for standard input"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			in := a.env.Stdin
			if args[0] != "-" {
				f, err := os.Open(a.abs(args[0]))
				if err != nil {
					return api.Errorf(api.KindNotFound, "%w", err)
				}
				defer f.Close()
				in = f
			}
			var rules []api.Rule
			dec := json.NewDecoder(io.LimitReader(in, maxPolicy))
			dec.DisallowUnknownFields()
			if err := dec.Decode(&rules); err != nil {
				return api.Errorf(api.KindInvalid, "%s is not a policy table: %w", args[0], err).WithHint("p2prc lend policy --json prints one")
			}
			return changePolicy(cmd.Context(), a, *yes, func([]api.Rule) ([]api.Rule, error) { return rules, nil })
		},
	}
	yes = yesToEnds(cmd)
	return cmd
}

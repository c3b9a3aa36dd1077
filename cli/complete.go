package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// completionWait bounds what pressing Tab may take.
const completionWait = 2 * time.Second

// completer is what cobra asks for words.
type completer = func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective)

// words are what a node knows for a place on the command line; behind a tab a
// word may have its explanation.
type words func(ctx context.Context, c *api.Client) ([]string, error)

// complete offers words that the node knows; without a node it offers none.
func complete(a *app, known words) completer {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		client, err := a.node()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completionWait)
		defer cancel()
		all, err := known(ctx, client)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var out []string
		for _, w := range all {
			word, about, explained := strings.Cut(w, "\t")
			if !strings.HasPrefix(word, typed) {
				continue
			}
			if word = clean(word, false); explained {
				word += "\t" + clean(about, false)
			}
			out = append(out, word)
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}

// byPlace completes each argument by its own; those beyond have none.
func byPlace(list ...completer) completer {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= len(list) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return list[len(args)](cmd, args, typed)
	}
}

func fixed(list ...string) completer {
	return cobra.FixedCompletions(list, cobra.ShellCompDirectiveNoFileComp)
}

const networksHint = "none, filtered or open"

var guestNetworks = fixed(string(api.GuestNone), string(api.GuestFiltered), string(api.GuestOpen))

// peerWords are the names of peers, and ids where a name would not do.
func peerWords(ctx context.Context, c *api.Client) ([]string, error) {
	peers, err := c.Peers(ctx)
	if err != nil {
		return nil, err
	}
	named := map[string]int{}
	for _, p := range peers {
		named[p.Name]++
	}
	list := []string{"self\tthis node"}
	for _, p := range peers {
		word := p.Name
		if word == "" || named[word] > 1 {
			word = string(p.ID)
		}
		about := string(p.State)
		if !gone(p) {
			about += ", lends " + lends(p.Record)
		}
		list = append(list, word+"\t"+about)
	}
	return list, nil
}

// subjectWords are whom a row of the policy may be about.
func subjectWords(ctx context.Context, c *api.Client) ([]string, error) {
	list, err := peerWords(ctx, c)
	return append(list, "*\teverybody", "role:member", "role:borrower", "role:admin"), err
}

// runtimeWords are the runtimes that somebody in the pool lends.
func runtimeWords(ctx context.Context, c *api.Client) ([]string, error) {
	peers, err := c.Peers(ctx)
	if err != nil {
		return nil, err
	}
	lent := map[api.RuntimeName]int64{}
	for _, p := range peers {
		for _, r := range p.Runtimes {
			if r.Enabled && r.Available {
				lent[r.Name]++
			}
		}
	}
	var list []string
	for _, name := range []api.RuntimeName{api.RuntimeWasm, api.RuntimeProcess, api.RuntimeDocker} {
		if lent[name] > 0 {
			list = append(list, fmt.Sprintf("%s\tlent by %s", name, plural(lent[name], "node")))
		}
	}
	return list, nil
}

func jobWords(ctx context.Context, c *api.Client) ([]string, error) {
	jobs, err := c.Jobs(ctx)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, j := range jobs {
		list = append(list, fmt.Sprintf("%s\t%s", short(j.ID), strings.TrimSpace(j.Name+" "+string(j.State))))
	}
	return list, nil
}

func inviteWords(ctx context.Context, c *api.Client) ([]string, error) {
	invites, err := c.Invites(ctx)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, i := range invites {
		list = append(list, fmt.Sprintf("%s\t%s, %s", short(i.ID), i.Role, inviteState(i, time.Now())))
	}
	return list, nil
}

func sandboxWords(ctx context.Context, c *api.Client) ([]string, error) {
	boxes, err := c.Sandboxes(ctx)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, s := range boxes {
		list = append(list, fmt.Sprintf("%s\tfor %s, %s", short(s.ID), or(s.Name, s.Borrower.Short()), s.State))
	}
	return list, nil
}

// imageWords are the names of images on this node's container engine.
func imageWords(ctx context.Context, c *api.Client) ([]string, error) {
	all, err := c.Images(ctx)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, i := range all {
		for _, tag := range i.Tags {
			list = append(list, fmt.Sprintf("%s\t%s", tag, bytesOf(i.Size)))
		}
	}
	return list, nil
}

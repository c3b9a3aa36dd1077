package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// findOne finds the one id that is typed, or that begins or ends with it.
func findOne[T any](what, listing, typed string, rows []T, id func(T) string) (string, error) {
	var found []string
	for _, r := range rows {
		if id(r) == typed {
			return typed, nil
		}
		if typed != "" && (strings.HasPrefix(id(r), typed) || strings.HasSuffix(id(r), typed)) {
			found = append(found, id(r))
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", api.Errorf(api.KindNotFound, "there is no %s %q", what, typed).WithHint("%s lists them", listing)
	}
	return "", api.Errorf(api.KindInvalid, "%q could be %d %ss", typed, len(found), what).WithHint("write more of the id: %s", strings.Join(found, ", "))
}

// must is for what can only fail by a mistake in the program.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// completionWait bounds what pressing Tab may take.
const completionWait = 2 * time.Second

// complete offers words that the node knows; without a node it offers none.
func complete(a *app, words func(ctx context.Context, c *api.Client) ([]string, error)) func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		client, err := a.node()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completionWait)
		defer cancel()
		all, err := words(ctx, client)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var out []string
		for _, w := range all {
			if strings.HasPrefix(w, typed) {
				out = append(out, clean(w, false))
			}
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}

// first completes only the first argument.
func first(f func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective)) func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return f(cmd, args, typed)
	}
}

func peerWords(ctx context.Context, c *api.Client) ([]string, error) {
	peers, err := c.Peers(ctx)
	if err != nil {
		return nil, err
	}
	words := []string{"self"}
	for _, p := range peers {
		words = append(words, or(p.Name, string(p.ID)))
	}
	return words, nil
}

func jobWords(ctx context.Context, c *api.Client) ([]string, error) {
	jobs, err := c.Jobs(ctx)
	if err != nil {
		return nil, err
	}
	var words []string
	for _, j := range jobs {
		words = append(words, short(j.ID))
	}
	return words, nil
}

func sandboxWords(ctx context.Context, c *api.Client) ([]string, error) {
	boxes, err := c.Sandboxes(ctx)
	if err != nil {
		return nil, err
	}
	var words []string
	for _, s := range boxes {
		words = append(words, short(s.ID))
	}
	return words, nil
}

func imageWords(ctx context.Context, c *api.Client) ([]string, error) {
	all, err := c.Images(ctx)
	if err != nil {
		return nil, err
	}
	var words []string
	for _, i := range all {
		words = append(words, i.Tags...)
	}
	return words, nil
}

// peerNames are the names of peers by their ids.
func peerNames(ctx context.Context, c *api.Client) (map[api.PeerID]string, error) {
	peers, err := c.Peers(ctx)
	if err != nil {
		return nil, err
	}
	names := make(map[api.PeerID]string, len(peers))
	for _, p := range peers {
		names[p.ID] = p.Name
	}
	return names, nil
}

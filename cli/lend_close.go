package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// closing is a command by which an owner ends some, or all, of what a list shows.
type closing[T any] struct {
	what    string // connection
	list    string // the command that lists them: p2prc lend connections
	long    string
	example string
	open    func(ctx context.Context, c *api.Client) ([]T, error)
	id      func(T) string
	end     func(ctx context.Context, c *api.Client, id string) error
}

func (k closing[T]) cmd(a *app) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:     "close ID... | --all",
		Short:   "End " + k.what + "s at once",
		Long:    k.long + exits(api.KindNotRunning, api.KindNotFound),
		Example: "  " + k.list + " close " + k.example + "\n  " + k.list + " close --all",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return api.Errorf(api.KindUsage, "name the %ss, or give --all", k.what).WithHint("%s lists them", k.list)
			}
			client, err := a.node()
			if err != nil {
				return err
			}
			open, err := k.open(cmd.Context(), client)
			if err != nil {
				return err
			}
			if all {
				for _, t := range open {
					args = append(args, k.id(t))
				}
			}
			for _, typed := range args {
				id, err := findOne(k.what, k.list, typed, open, k.id)
				if err != nil {
					return err
				}
				if err := k.end(cmd.Context(), client, id); err != nil && (!all || api.KindOf(err) != api.KindNotFound) {
					return err // of all of them, one may have ended by itself
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "end every one")
	return cmd
}

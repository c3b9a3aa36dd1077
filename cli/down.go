package cli

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
	"github.com/spf13/cobra"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/config"
)

func downCmd(a *app) *cobra.Command {
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "down",
		Short: "Stop this machine's node",
		Long: `Stop the node of this home and wait until it is gone. What it runs for others
ends and is run elsewhere; its own jobs go on when it is up again.` + exits(api.KindNotRunning),
		Example: "  p2prc down\n  p2prc down && p2prc up --detach",
		Args:    takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.node()
			if err != nil {
				return err
			}
			home, err := a.homeDir()
			if err != nil {
				return err
			}
			return runDown(cmd.Context(), client, a.out, home, wait)
		},
	}
	cmd.Flags().DurationVar(&wait, "wait", 30*time.Second, "how long to wait until it is gone")
	return cmd
}

func runDown(ctx context.Context, client *api.Client, out *output, home string, wait time.Duration) error {
	st, err := client.Status(ctx)
	if api.KindOf(err) == api.KindNotRunning {
		return api.Errorf(api.KindNotRunning, "no node runs in %s", home)
	}
	if err != nil {
		return err
	}
	if err := client.Shutdown(ctx); err != nil {
		return err
	}
	client.Close() // a kept connection would keep the node waiting for us
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(wait)
	defer late.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-late.C:
			return api.Errorf(api.KindTimeout, "the node, process %d, still runs after %s", st.PID, wait).WithHint("look at its log; kill %d ends it", st.PID)
		case <-tick.C:
		}
		_, err := client.Status(ctx)
		client.Close()
		if api.KindOf(err) != api.KindNotRunning {
			continue
		}
		// The door closes first; the network and the sandboxes take a moment more,
		// and p2prc up right after this must find the home free.
		free, err := released(filepath.Join(home, config.LockName))
		if err != nil {
			return err
		}
		if free {
			out.note("node %s is down", st.Name)
			return nil
		}
	}
}

// released tells whether no process holds the home's lock.
func released(path string) (bool, error) {
	lock := flock.New(path, flock.SetPermissions(0o600))
	free, err := lock.TryRLock()
	if err = errors.Join(err, lock.Close()); err != nil {
		return false, api.Errorf(api.KindInternal, "the home's lock: %w", err)
	}
	return free, nil
}

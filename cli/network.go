package cli

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// maxExport is the largest export of a network key that is read, in bytes.
const maxExport = 8 << 10

func networkCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "network COMMAND",
		Short: "Keep the network's key in a safe place",
		Long: `The network's key made the network: it makes and unmakes admins, and brings the
network back when all of them are gone. It is in the home of the network's first
node (p2prc status says so). Put it into a file that only a passphrase opens, take
it off the machine, and bring it back when it is needed.

The passphrase is asked for on the terminal; without one it is read from the
first line of standard input.`,
		Args: cobra.ArbitraryArgs,
		RunE: group,
	}
	cmd.AddCommand(networkExportCmd(a), networkRemoveKeyCmd(a), networkRestoreCmd(a))
	return cmd
}

func networkExportCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "export FILE",
		Short: "Write the network's key to a file, encrypted",
		Long: `Write the network's key to a new file that the passphrase opens. It is an age
file: age -d opens it too. The key stays in the home.` + exits(api.KindNotRunning, api.KindNotFound),
		Example: "  p2prc network export family.key.age",
		Args:    takes(1, 1, "the FILE to write"),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := a.abs(args[0])
			if _, err := os.Lstat(path); err == nil {
				return api.Errorf(api.KindConflict, "%s is there already", path).WithHint("give a new name: an export is not written over")
			}
			client, phrase, err := a.withPassphrase(cmd.Context(), true)
			if err != nil {
				return err
			}
			key, err := client.ExportKey(cmd.Context(), phrase)
			if err != nil {
				return err
			}
			if err := writeNew(path, key.Export); err != nil {
				return api.Errorf(api.KindInternal, "the export cannot be written: %w", err).WithHint("nothing was changed; give another FILE")
			}
			a.out.note("the key of network %s is in %s; with a copy in a safe place, p2prc network remove-key %s takes it off this machine", key.Network, args[0], args[0])
			return nil
		},
	}
}

func networkRemoveKeyCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "remove-key FILE",
		Short: "Take the network's key off this machine",
		Long: `Take the network's key off this machine. FILE is its export: it is opened with
the passphrase and compared with the key first, so that nothing is removed that
cannot come back. The node stays an admin for 90 days and is renewed by any other
admin; where there is none, restore the key before that.` + exits(api.KindNotRunning, api.KindDenied, api.KindNotFound),
		Example: "  p2prc network remove-key family.key.age",
		Args:    takes(1, 1, "the FILE with the key's export"),
		RunE: func(cmd *cobra.Command, args []string) error {
			export, err := readExport(a.abs(args[0]))
			if err != nil {
				return err
			}
			client, phrase, err := a.withPassphrase(cmd.Context(), false)
			if err != nil {
				return err
			}
			if err := client.RemoveKey(cmd.Context(), export, phrase); err != nil {
				return err
			}
			a.out.note("the network's key is off this machine; p2prc network restore %s brings it back", args[0])
			return nil
		},
	}
}

func networkRestoreCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "restore FILE",
		Short: "Bring an exported network key back",
		Long: `Bring an exported network key back into this home; the node becomes an admin of
its network. A node that is alone in a network of its own goes into the key's: tell
it then where a member is, with p2prc peers add HOST:PORT.` + exits(api.KindNotRunning, api.KindDenied),
		Example: "  p2prc network restore family.key.age\n  p2prc peers add 192.0.2.7:4001",
		Args:    takes(1, 1, "the FILE with the key's export"),
		RunE: func(cmd *cobra.Command, args []string) error {
			export, err := readExport(a.abs(args[0]))
			if err != nil {
				return err
			}
			client, phrase, err := a.withPassphrase(cmd.Context(), false)
			if err != nil {
				return err
			}
			res, err := client.RestoreKey(cmd.Context(), export, phrase)
			if err != nil {
				return err
			}
			if err := a.out.line("in network %s as %s", res.Network, res.Role); err != nil {
				return err
			}
			if st, err := client.Status(cmd.Context()); err == nil && st.Peers == 0 {
				a.out.note("no other member is known here: p2prc peers add HOST:PORT")
			}
			return nil
		},
	}
}

// withPassphrase finds the node before it asks its owner to type.
func (a *app) withPassphrase(ctx context.Context, twice bool) (*api.Client, string, error) {
	client, err := a.node()
	if err != nil {
		return nil, "", err
	}
	if _, err := client.Status(ctx); err != nil {
		return nil, "", err
	}
	phrase, err := a.passphrase(ctx, twice)
	return client, phrase, err
}

func readExport(path string) (string, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", api.Errorf(api.KindInvalid, "there is no file %s", path).WithHint("give the file that p2prc network export wrote")
	}
	if err != nil {
		return "", api.Errorf(api.KindInvalid, "%w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxExport+1))
	if err != nil {
		return "", api.Errorf(api.KindInvalid, "%w", err)
	}
	if len(b) > maxExport {
		return "", api.Errorf(api.KindInvalid, "%s is no export of a network's key", path).WithHint("give the file that p2prc network export wrote")
	}
	return string(b), nil
}

// writeNew writes a file that must not be there yet, and removes it again where
// it cannot be whole.
func writeNew(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

package cli

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

func imageCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "image COMMAND",
		Short: "See container images, and give yours to lenders",
		Long: `See the images of container engines in the pool, and give yours to lenders. No
registry is needed. Jobs do it by themselves: a lender that lacks a job's image
takes it from this node and from lenders that have it already.`,
		Args: cobra.ArbitraryArgs,
		RunE: group,
	}
	cmd.AddCommand(imageLsCmd(a), imageSendCmd(a))
	return cmd
}

func imageLsCmd(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "ls [PEER]",
		Short: "List the images of an engine",
		Long: `List the images of this machine's container engine, and for whom those were
brought here that are not its owner's; or those of a peer's, as far as you may run
them there.` + exits(api.KindNotRunning, api.KindDenied, api.KindNotFound),
		Example: "  p2prc image ls\n  p2prc image ls big-box --json",
		Args:    takes(0, 1, ""), ValidArgsFunction: byPlace(complete(a, peerWords)),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.node()
			if err != nil {
				return err
			}
			var all []api.Image
			if len(args) == 0 || args[0] == "self" {
				all, err = client.Images(cmd.Context())
			} else {
				all, err = client.PeerImages(cmd.Context(), args[0])
			}
			if err != nil {
				return err
			}
			peers := map[api.PeerID]string{}
			if !asJSON {
				if peers, err = peerNames(cmd.Context(), client); err != nil {
					return err
				}
			}
			now := time.Now()
			return list(a.out, asJSON, all, []string{"IMAGE", "ID", "SIZE", "FOR", "NEEDED"}, func(i api.Image) []string {
				who, used := "-", "-"
				if i.For != "" {
					who, used = or(peers[i.For], i.For.Short()), ago(i.Used, now)
				}
				return []string{or(strings.Join(i.Tags, " "), "-"), i.ID.Short(), bytesOf(i.Size), who, used}
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the list as JSON")
	return cmd
}

func imageSendCmd(a *app) *cobra.Command {
	var where string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "send IMAGE|FILE PEER... | --where EXPR",
		Short: "Give an image to lenders",
		Long: `Give an image of this machine's container engine, or the archive of one that
docker save wrote, to lenders: only what they lack travels, they pass it on to each
other, and what was interrupted goes on where it was when this is run again.

It is theirs by its id; no name of theirs is touched. How much they keep, and from
whom they take images, is up to their owners.` + exits(api.KindNotRunning, api.KindDenied, api.KindNotFound, api.KindNobody),
		Example: "  p2prc image send busybox big-box\n  p2prc image send team/tool:1.0 --where '\"docker\" in runtimes'\n  docker save team/tool:1.0 -o tool.tar && p2prc image send tool.tar big-box",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 || (len(args) == 1) == (where == "") {
				return api.Errorf(api.KindUsage, "%s needs an IMAGE, and PEERs or --where", cmd.CommandPath()).WithHint("%s --help shows how", cmd.CommandPath())
			}
			return nil
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 0 {
				words, _ := complete(a, imageWords)(cmd, args, typed)
				return words, cobra.ShellCompDirectiveDefault // files too
			}
			return complete(a, peerWords)(cmd, args, typed)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return sendImage(cmd.Context(), a, args[0], args[1:], where, asJSON)
		},
	}
	cmd.Flags().StringVar(&where, "where", "", "to lenders where this `EXPR` (CEL over the peer's record) is true")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a line of JSON for what came of it with each peer")
	return cmd
}

// archiveFile is the file that is meant, if what was typed is one.
func archiveFile(path string) (*os.File, error) {
	fi, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && fi.IsDir() {
		return nil, nil // an image's name may be a folder's too
	}
	if err != nil {
		return nil, api.Errorf(api.KindInvalid, "%w", err)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, api.Errorf(api.KindInvalid, "%w", err)
	}
	return f, nil
}

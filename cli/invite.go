package cli

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/suggest"
)

func inviteCmd(a *app) *cobra.Command {
	var role, node string
	var uses int
	var expires time.Duration
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "invite",
		Short: "Print a token that admits another machine",
		Long: `Make an invite and print its token, alone on standard output. Whoever has the
token can join, once unless --uses says otherwise, until it expires: send it the
way you would send a password. On a terminal the token is shown as a QR code too,
on standard error.

Roles: a member lends and borrows, a lender never submits, a borrower never
receives work, an admin is a member who may invite and revoke.` + exits(api.KindNotRunning, api.KindDenied),
		Example: "  p2prc invite\n  p2prc invite --role lender --uses 10 --expires 24h\n  p2prc invite | ssh other p2prc join -",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return group(cmd, args)
			}
			client, err := a.node()
			if err != nil {
				return err
			}
			req := api.InviteRequest{Role: api.Role(role), Uses: uses, Expires: api.Duration(expires)}
			if !req.Role.Valid() {
				return api.Errorf(api.KindUsage, "there is no role %q", role).WithHint("%s", suggest.Hint(string(role), roles))
			}
			if uses < 1 || uses > 1000 {
				return api.Errorf(api.KindUsage, "--uses %d makes no sense", uses).WithHint("1 to 1000")
			}
			if expires <= 0 {
				return api.Errorf(api.KindUsage, "--expires %s makes no sense", expires).WithHint("from now, like 1h or 30m")
			}
			req.Node = api.PeerID(node)
			return runInvite(cmd.Context(), client, a.out, req, asJSON)
		},
	}
	f := cmd.Flags()
	f.StringVar(&role, "role", "member", "member, lender, borrower or admin")
	f.IntVar(&uses, "uses", 1, "how many machines it admits")
	f.DurationVar(&expires, "expires", time.Hour, "how long it can be used")
	f.StringVar(&node, "node", "", "the id of the only node it admits (required for an admin)")
	f.BoolVar(&asJSON, "json", false, "print the invite with its token as JSON")
	cmd.AddCommand(inviteLsCmd(a), inviteRevokeCmd(a))
	must(cmd.RegisterFlagCompletionFunc("role", fixed(roles...)))
	return cmd
}

func runInvite(ctx context.Context, client *api.Client, out *output, req api.InviteRequest, asJSON bool) error {
	inv, err := client.CreateInvite(ctx, req)
	if err != nil {
		return err
	}
	if asJSON {
		return out.json(inv)
	}
	if _, err := fmt.Fprintln(out.stdout, inv.Token); err != nil {
		return err
	}
	if err := out.showQR(inv.Token); err != nil {
		return err
	}
	out.note("admits %s as %s until %s; on the other machine: p2prc join TOKEN", plural(int64(inv.Uses), "machine"), inv.Role, inv.Expires.Local().Format("2006-01-02 15:04"))
	return nil
}

func inviteLsCmd(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "ls",
		Short:   "List the invites made here",
		Long:    `List the invites that this node made. Tokens are not among it: they are shown once.` + exits(api.KindNotRunning),
		Example: "  p2prc invite ls",
		Args:    takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.node()
			if err != nil {
				return err
			}
			rows, err := client.Invites(cmd.Context())
			if err != nil {
				return err
			}
			now := time.Now()
			return list(a.out, asJSON, rows, []string{"ID", "ROLE", "USED", "STATE", "EXPIRES", "FOR"}, func(i api.Invite) []string {
				return []string{short(i.ID), string(i.Role), strconv.Itoa(i.Used) + "/" + strconv.Itoa(i.Uses), inviteState(i, now), i.Expires.Local().Format("2006-01-02 15:04"), or(i.Node.Short(), "anybody")}
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the list as JSON")
	return cmd
}

func inviteState(i api.Invite, now time.Time) string {
	switch {
	case i.Revoked:
		return "revoked"
	case i.Used >= i.Uses:
		return "used up"
	case !now.Before(i.Expires):
		return "expired"
	}
	return "open"
}

func inviteRevokeCmd(a *app) *cobra.Command {
	var all bool
	var reason string
	cmd := &cobra.Command{
		Use:   "revoke INVITE",
		Short: "Make an invite admit nobody any more",
		Long: `Make an invite admit nobody any more. With --all-admitted the machines that it
admitted lose their membership too.` + exits(api.KindNotRunning, api.KindDenied, api.KindNotFound),
		Example: "  p2prc invite ls\n  p2prc invite revoke 3kTq9ZxA",
		Args:    takes(1, 1, "the INVITE's id"), ValidArgsFunction: byPlace(complete(a, inviteWords)),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.node()
			if err != nil {
				return err
			}
			invites, err := client.Invites(cmd.Context())
			if err != nil {
				return err
			}
			id, err := findOne("invite", "p2prc invite ls", args[0], invites, func(i api.Invite) string { return string(i.ID) })
			if err != nil {
				return err
			}
			if all || reason != "" {
				err = client.Revoke(cmd.Context(), api.RevokeRequest{Invite: api.InviteID(id), AllAdmitted: all, Reason: reason})
			} else {
				err = client.RevokeInvite(cmd.Context(), api.InviteID(id))
			}
			if err != nil {
				return err
			}
			a.out.note("invite %s is revoked", short(id))
			return nil
		},
	}
	cmd.Flags().BoolVar(&all, "all-admitted", false, "revoke the machines that it admitted too")
	cmd.Flags().StringVar(&reason, "reason", "", "shown to the members")
	return cmd
}

package cli

import (
	"github.com/spf13/cobra"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/suggest"
)

// roles are those that an admin gives.
var roles = []string{"member", "lender", "borrower", "admin"}

func membersCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "members",
		Short:   "List who was admitted to the network",
		Long:    `List every node that was admitted, seen or not. p2prc peers shows who is there.` + exits(api.KindNotRunning),
		Example: "  p2prc members\n  p2prc members --json",
		Args:    cobra.ArbitraryArgs,
	}
	asJSON := cmd.PersistentFlags().Bool("json", false, "print the list as JSON")
	run := func(cmd *cobra.Command, _ []string) error {
		client, err := a.node()
		if err != nil {
			return err
		}
		rows, err := client.Members(cmd.Context())
		if err != nil {
			return err
		}
		return list(a.out, *asJSON, rows, []string{"NAME", "ID", "ROLE", "ADMITTED", "EXPIRES", "STATE"}, func(m api.Member) []string {
			state := "valid"
			switch {
			case m.Revoked:
				state = "revoked"
			case m.Self:
				state = "self"
			}
			const day = "2006-01-02"
			return []string{or(m.Name, "-"), m.ID.Short(), string(m.Role), m.Admitted.Local().Format(day), m.Expires.Local().Format(day), state}
		})
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return group(cmd, args)
		}
		return run(cmd, args)
	}
	cmd.AddCommand(&cobra.Command{Use: "ls", Short: "List them", Long: "List every node that was admitted, seen or not." + exits(api.KindNotRunning), Example: "  p2prc members ls", Args: takes(0, 0, ""), RunE: run}, membersRoleCmd(a), membersRevokeCmd(a))
	return cmd
}

func membersRoleCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "role PEER ROLE",
		Short: "Give a node another role",
		Long: `Give a node another role: member (lends and borrows), lender (never submits),
borrower (never receives work) or admin (a member who may invite and revoke).
Within seconds every member goes by it; work that its new role does not allow is
withdrawn. Only the network key makes and unmakes admins.` + exits(api.KindNotRunning, api.KindDenied, api.KindNotFound),
		Example: "  p2prc members role attic lender",
		Args:    takes(2, 2, "a PEER and a ROLE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			role := api.Role(args[1])
			if !role.Valid() {
				return api.Errorf(api.KindUsage, "there is no role %q", role).WithHint("%s", suggest.Hint(string(role), roles))
			}
			client, err := a.node()
			if err != nil {
				return err
			}
			members, err := client.Members(cmd.Context())
			if err != nil {
				return err
			}
			id, err := memberID(members, args[0])
			if err != nil {
				return err
			}
			if err := client.SetRole(cmd.Context(), string(id), role); err != nil {
				return err
			}
			a.out.note("%s is %s now", args[0], role)
			return nil
		},
		ValidArgsFunction: byPlace(complete(a, peerWords), fixed(roles...)),
	}
}

func membersRevokeCmd(a *app) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "revoke PEER",
		Short: "End a node's membership",
		Long: `End a node's membership: within seconds no member talks to it any more. Coming
back takes a new invite and a new identity.` + exits(api.KindNotRunning, api.KindDenied, api.KindNotFound),
		Example: "  p2prc members revoke old-laptop --reason lost",
		Args:    takes(1, 1, "the PEER: a name or an id"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.node()
			if err != nil {
				return err
			}
			members, err := client.Members(cmd.Context())
			if err != nil {
				return err
			}
			id, err := memberID(members, args[0])
			if err != nil {
				return err
			}
			if err := client.Revoke(cmd.Context(), api.RevokeRequest{Node: id, Reason: reason}); err != nil {
				return err
			}
			a.out.note("%s is revoked", args[0])
			return nil
		},
		ValidArgsFunction: byPlace(complete(a, peerWords)),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "shown to the members")
	return cmd
}

// memberID finds a member by name or id: the peer table may not have it.
func memberID(members []api.Member, typed string) (api.PeerID, error) {
	var named []api.Member
	var all []string
	for _, m := range members {
		all = append(all, m.Name)
		if m.Name == typed {
			named = append(named, m)
		}
	}
	if len(named) == 1 {
		return named[0].ID, nil
	}
	if len(named) > 1 {
		ids := make([]api.PeerID, len(named))
		for i, m := range named {
			ids[i] = m.ID
		}
		return "", api.Errorf(api.KindInvalid, "%d members are called %s", len(named), named[0].Name).WithHint("give the id: %s", names(ids))
	}
	id, err := findOne("member", "p2prc members", typed, members, func(m api.Member) string { return string(m.ID) })
	if near := suggest.Closest(typed, all); near != "" && api.KindOf(err) == api.KindNotFound {
		err = api.Errorf(api.KindNotFound, "%w", err).WithHint("did you mean %s?", near)
	}
	return api.PeerID(id), err
}

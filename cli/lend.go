package cli

import (
	"context"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

func lendCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lend COMMAND",
		Short: "See and rule what your machine does for others",
		Long: `See who runs what on this machine, set what it lends and to whom, and stop
anything at any moment: pause and kill free the processor within 5 seconds.`,
		Args: cobra.ArbitraryArgs,
		RunE: group,
	}
	cmd.AddCommand(lendStatusCmd(a), lendLsCmd(a), lendLimitsCmd(a), lendPolicyCmd(a), lendPauseCmd(a), lendResumeCmd(a), lendDrainCmd(a), lendKillCmd(a), lendConnectionsCmd(a), lendMappingsCmd(a), lendUsageCmd(a))
	return cmd
}

func lendStatusCmd(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "status",
		Short:   "Show the lending side at a glance",
		Long:    "Show whether this machine lends, how much is free, and what each runtime gives." + exits(api.KindNotRunning),
		Example: "  p2prc lend status",
		Args:    takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.node()
			if err != nil {
				return err
			}
			st, err := client.Lend(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return a.out.json(st)
			}
			facts := [][2]string{
				{"lending", string(st.State) + because(st.Reason)},
				{"free", resources(st.Free)},
				{"total", resources(st.Total)},
				{"leases", strconv.Itoa(st.Leases)},
				{"sandboxes", strconv.Itoa(st.Sandboxes)},
				{"held", plural(st.Held, "result")},
				{"refused", plural(st.Refused, "request")},
			}
			return printFacts(a.out, append(facts, runtimeFacts(st.Runtimes)...))
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the status as JSON")
	return cmd
}

func lendLsCmd(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "ls",
		Short:   "List who runs what here now",
		Long:    "List the sandboxes on this machine: whose they are, what they run, what they use." + exits(api.KindNotRunning),
		Example: "  p2prc lend ls\n  p2prc lend ls --json",
		Args:    takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.node()
			if err != nil {
				return err
			}
			boxes, err := client.Sandboxes(cmd.Context())
			if err != nil {
				return err
			}
			return listSandboxes(a.out, asJSON, boxes)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the list as JSON")
	return cmd
}

func listSandboxes(out *output, asJSON bool, boxes []api.Sandbox) error {
	now := time.Now()
	return list(out, asJSON, boxes, []string{"ID", "FOR", "JOB", "RUNTIME", "STATE", "TASK", "CPU", "MEMORY", "CPU TIME", "TASKS", "AGE"}, func(s api.Sandbox) []string {
		task := "-"
		if s.Task >= 0 {
			task = s.Task.String()
		}
		return []string{short(s.ID), or(s.Name, s.Borrower.Short()), or(s.JobName, short(s.Job)), string(s.Runtime), s.State, task,
			cores(s.CPU), bytesOf(s.Memory), clock(time.Duration(s.CPUTime)), strconv.FormatInt(s.Tasks, 10), ago(s.Since, now)}
	})
}

// sandbox finds the one that is meant.
func (a *app) sandbox(ctx context.Context, client *api.Client, typed string) (api.SandboxID, error) {
	boxes, err := client.Sandboxes(ctx)
	if err != nil {
		return "", err
	}
	id, err := findOne("sandbox", "p2prc lend ls", typed, boxes, func(s api.Sandbox) string { return string(s.ID) })
	return api.SandboxID(id), err
}

func lendPauseCmd(a *app) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "pause [SANDBOX]",
		Short: "Freeze every guest, or one, at once",
		Long: `Freeze everything that runs here for others and take no more, until p2prc lend
resume; with SANDBOX only that one. Memory stays in use; borrowers may move their
tasks to other nodes.` + exits(api.KindNotRunning, api.KindNotFound),
		Example: "  p2prc lend pause --reason 'I need the machine'\n  p2prc lend pause 4N2XQPT7",
		Args:    takes(0, 1, ""), ValidArgsFunction: byPlace(complete(a, sandboxWords)),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.node()
			if err != nil {
				return err
			}
			if len(args) == 0 {
				if err := client.PauseLending(cmd.Context(), reason); err != nil {
					return err
				}
				a.out.note("lending is paused: p2prc lend resume goes on")
				return nil
			}
			id, err := a.sandbox(cmd.Context(), client, args[0])
			if err != nil {
				return err
			}
			return client.PauseSandbox(cmd.Context(), id)
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "shown to the borrowers")
	return cmd
}

func lendResumeCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "resume [SANDBOX]",
		Short:   "Lend again after pause or drain",
		Long:    "Let every guest go on and take work again; with SANDBOX only that one goes on." + exits(api.KindNotRunning, api.KindNotFound),
		Example: "  p2prc lend resume\n  p2prc lend resume 4N2XQPT7",
		Args:    takes(0, 1, ""), ValidArgsFunction: byPlace(complete(a, sandboxWords)),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.node()
			if err != nil {
				return err
			}
			if len(args) == 0 {
				if err := client.ResumeLending(cmd.Context()); err != nil {
					return err
				}
				a.out.note("lending is open")
				return nil
			}
			id, err := a.sandbox(cmd.Context(), client, args[0])
			if err != nil {
				return err
			}
			return client.ResumeSandbox(cmd.Context(), id)
		},
	}
}

func lendDrainCmd(a *app) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:     "drain",
		Short:   "Take no more work and let what runs end",
		Long:    "Take no more work and let what runs end; p2prc lend resume takes work again." + exits(api.KindNotRunning),
		Example: "  p2prc lend drain --reason 'reboot at six'",
		Args:    takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.node()
			if err != nil {
				return err
			}
			if err := client.DrainLending(cmd.Context(), reason); err != nil {
				return err
			}
			a.out.note("draining: p2prc lend ls shows what still runs")
			return nil
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "shown to the borrowers")
	return cmd
}

func lendKillCmd(a *app) *cobra.Command {
	var reason string
	var all bool
	cmd := &cobra.Command{
		Use:   "kill SANDBOX... | --all",
		Short: "End sandboxes with all that is in them",
		Long: `End sandboxes with all that is in them, at once. The borrower sees "withdrawn by
owner", which costs its task no retry.` + exits(api.KindNotRunning, api.KindNotFound),
		Example: "  p2prc lend ls\n  p2prc lend kill 4N2XQPT7 --reason 'I need the machine'",
		Args:    cobra.ArbitraryArgs, ValidArgsFunction: complete(a, sandboxWords),
		RunE: func(cmd *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return api.Errorf(api.KindUsage, "name the sandboxes, or give --all").WithHint("p2prc lend ls lists them")
			}
			client, err := a.node()
			if err != nil {
				return err
			}
			ctx := cmd.Context()
			boxes, err := client.Sandboxes(ctx)
			if err != nil {
				return err
			}
			var ids []api.SandboxID
			for _, s := range boxes {
				if all {
					ids = append(ids, s.ID)
				}
			}
			for _, typed := range args {
				id, err := findOne("sandbox", "p2prc lend ls", typed, boxes, func(s api.Sandbox) string { return string(s.ID) })
				if err != nil {
					return err
				}
				ids = append(ids, api.SandboxID(id))
			}
			for _, id := range ids {
				err := client.KillSandbox(ctx, id, reason)
				if all && api.KindOf(err) == api.KindNotFound {
					continue // it ended by itself meanwhile
				}
				if err != nil {
					return err
				}
				a.out.note("sandbox %s is gone", short(id))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "shown to the borrower")
	cmd.Flags().BoolVar(&all, "all", false, "end every sandbox")
	return cmd
}

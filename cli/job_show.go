package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// maxFailedShown is how many failed tasks job show lists by itself.
const maxFailedShown = 20

func jobShowCmd(a *app) *cobra.Command {
	var asJSON, tasks bool
	var state string
	cmd := &cobra.Command{
		Use:   "show JOB [TASK]",
		Short: "Show a job, or one of its tasks",
		Long: `Show a job: its counts, the part each node has, and the first failed tasks. With
--tasks every task is listed, with --state those in one state.` + exits(api.KindNotRunning, api.KindNotFound),
		Example: "  p2prc job show 7KQZ3M\n  p2prc job show 7KQZ3M --state failed\n  p2prc job show 7KQZ3M 17 --json",
		Args:    takes(1, 2, "a JOB"), ValidArgsFunction: byPlace(complete(a, jobWords)),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.node()
			if err != nil {
				return err
			}
			id := api.JobID(args[0])
			switch {
			case len(args) == 2:
				n, err := taskID(args[1])
				if err != nil {
					return err
				}
				return showTask(cmd.Context(), client, a.out, id, n, asJSON)
			case tasks || state != "":
				return listTasks(cmd.Context(), client, a.out, id, api.TaskState(state), asJSON)
			}
			return showJob(cmd.Context(), client, a.out, id, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the API's types as JSON (tasks as JSON lines)")
	cmd.Flags().BoolVar(&tasks, "tasks", false, "list every task")
	cmd.Flags().StringVar(&state, "state", "", "list the tasks in this state: waiting, queued, running, done, failed, canceled")
	must(cmd.RegisterFlagCompletionFunc("state", fixed("waiting", "queued", "running", "done", "failed", "canceled")))
	return cmd
}

func taskID(s string) (api.TaskID, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0, api.Errorf(api.KindUsage, "%q is not a task's number", s).WithHint("they count from 0")
	}
	return api.TaskID(n), nil
}

func showJob(ctx context.Context, client *api.Client, out *output, id api.JobID, asJSON bool) error {
	j, err := client.Job(ctx, id)
	if err != nil {
		return err
	}
	if asJSON {
		return out.json(j)
	}
	t := j.Tasks
	facts := [][2]string{
		{"job", fmt.Sprintf("%s %s", j.ID, j.Name)},
		{"state", string(j.State) + because(j.Reason)},
		{"runs", fmt.Sprintf("%s in %s", strings.Join(j.Spec.Command, " "), j.Runtime)},
		{"tasks", fmt.Sprintf("%d: %d done, %d failed, %d canceled, %d running, %d queued, %d waiting", t.Total, t.Done, t.Failed, t.Canceled, t.Running, t.Queued, t.Waiting)},
		{"needs", resources(j.Spec.Needs) + " each"},
		{"created", j.Created.Local().Format("2006-01-02 15:04:05")},
		{"kept", bytesOf(j.Bytes)},
	}
	if !j.Ended.IsZero() {
		facts = append(facts, [2]string{"took", clock(j.Ended.Sub(j.Created))})
	}
	if err := printFacts(out, facts); err != nil {
		return err
	}
	if len(j.Nodes) > 0 {
		if err := out.line(""); err != nil {
			return err
		}
		err := list(out, false, j.Nodes, []string{"NODE", "DONE", "FAILED", "LOST", "RUNNING", "QUEUED", "BUSY", "STATE"}, func(n api.NodeProgress) []string {
			return []string{or(n.Name, n.Peer.Short()), strconv.FormatInt(n.Done, 10), strconv.FormatInt(n.Failed, 10), strconv.FormatInt(n.Lost, 10),
				strconv.FormatInt(n.Running, 10), strconv.FormatInt(n.Queued, 10), clock(time.Duration(n.Busy)), n.State + because(n.Reason)}
		})
		if err != nil {
			return err
		}
	}
	if t.Failed == 0 {
		return nil
	}
	failed, err := client.Tasks(ctx, j.ID, api.TaskQuery{State: api.TaskFailed, From: 0, Limit: maxFailedShown})
	if err != nil {
		return err
	}
	if err := out.line(""); err != nil {
		return err
	}
	for _, f := range failed {
		if err := out.line("task %s failed on %s: %s", f.ID, nodeName(j.Job, f.Peer), whyTask(f)); err != nil {
			return err
		}
	}
	if rest := t.Failed - int64(len(failed)); rest > 0 {
		out.note("and %d more: p2prc job show %s --state failed", rest, short(j.ID))
	}
	return nil
}

func showTask(ctx context.Context, client *api.Client, out *output, id api.JobID, n api.TaskID, asJSON bool) error {
	t, err := client.Task(ctx, id, n)
	if err != nil {
		return err
	}
	if asJSON {
		return out.json(t)
	}
	j, err := client.Job(ctx, id)
	if err != nil {
		return err
	}
	facts := [][2]string{{"task", t.ID.String()}, {"state", string(t.State)}, {"node", nodeName(j.Job, t.Peer)}}
	if len(t.Each) > 0 {
		facts = append(facts, [2]string{"each", labels(t.Each)})
	}
	if t.Exit != nil {
		facts = append(facts, [2]string{"exit", exitWords(*t.Exit)})
	}
	if t.Error != "" {
		facts = append(facts, [2]string{"error", t.Error})
	}
	u := t.Usage
	facts = append(facts, [2]string{"used", fmt.Sprintf("%s, %s of cpu, %s of memory", clock(time.Duration(u.Wall)), clock(time.Duration(u.CPU)), bytesOf(u.MaxMemory))})
	for _, f := range t.Files {
		facts = append(facts, [2]string{"file", fmt.Sprintf("%s  %s", f.Path, bytesOf(f.Size))})
	}
	return printFacts(out, facts)
}

// nodeName is what a job calls a node, "-" for none.
func nodeName(j api.Job, id api.PeerID) string {
	for _, n := range j.Nodes {
		if n.Peer == id && n.Name != "" {
			return n.Name
		}
	}
	return or(id.Short(), "-")
}

// page is how many tasks are asked for at once.
const page = 1000

// listTasks lists a job's tasks, page by page.
func listTasks(ctx context.Context, client *api.Client, out *output, id api.JobID, state api.TaskState, asJSON bool) error {
	j, err := client.Job(ctx, id)
	if err != nil {
		return err
	}
	enc := json.NewEncoder(out.stdout)
	for q := (api.TaskQuery{State: state, From: 0, Limit: page}); ; {
		tasks, err := client.Tasks(ctx, id, q)
		if err != nil {
			return err
		}
		for _, t := range tasks {
			if asJSON {
				err = enc.Encode(t)
			} else {
				line := fmt.Sprintf("%-7s %-8s %-8s", t.ID, t.State, nodeName(j.Job, t.Peer))
				switch {
				case t.State == api.TaskFailed:
					line += " " + whyTask(t)
				case len(t.Each) > 0:
					line += " " + labels(t.Each)
				}
				err = out.line("%s", strings.TrimRight(line, " "))
			}
			if err != nil {
				return err
			}
		}
		if len(tasks) < page {
			return nil
		}
		q.From = tasks[len(tasks)-1].ID + 1
	}
}

// listResults lists the files that tasks left.
func listResults(ctx context.Context, client *api.Client, out *output, id api.JobID, asJSON bool) error {
	enc := json.NewEncoder(out.stdout)
	return client.Results(ctx, id, func(t api.Task) error {
		if asJSON {
			return enc.Encode(t)
		}
		for _, f := range t.Files {
			if err := out.line("%s  %s  %s", t.ID, f.Path, bytesOf(f.Size)); err != nil {
				return err
			}
		}
		return nil
	})
}

func jobLogsCmd(a *app) *cobra.Command {
	var follow bool
	cmd := &cobra.Command{
		Use:   "logs JOB [TASK]",
		Short: "Print what tasks printed",
		Long: `Print what a task printed, as it is: its stdout on stdout, its stderr on stderr.
Without TASK: that of every ended task, in whole lines.` + exits(api.KindNotRunning, api.KindNotFound),
		Example: "  p2prc job logs 7KQZ3M\n  p2prc job logs 7KQZ3M 17 -f",
		Args:    takes(1, 2, "a JOB"), ValidArgsFunction: byPlace(complete(a, jobWords)),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.node()
			if err != nil {
				return err
			}
			id := api.JobID(args[0])
			ctx := cmd.Context()
			job, err := client.Job(ctx, id)
			if err != nil {
				return err
			}
			if len(args) == 1 && job.Tasks.Total > 1 {
				if follow {
					return api.Errorf(api.KindUsage, "--follow follows one task").WithHint("p2prc job watch %s --output prints those of all", args[0])
				}
				p := newBatch(client, a.out, job.Job, batchOptions{quiet: true}).printer
				return client.Results(ctx, job.ID, func(t api.Task) error { return p.ended(ctx, t) })
			}
			n := api.TaskID(0)
			if len(args) == 2 {
				if n, err = taskID(args[1]); err != nil {
					return err
				}
			}
			return client.TaskLog(ctx, job.ID, n, follow, func(c api.LogChunk) error {
				w := a.out.stdout
				if c.Stream == "stderr" {
					w = a.out.stderr
				}
				if c.Again {
					a.out.note("%s", againWords(c.Stream, job.ID))
				}
				_, err := w.Write(c.Data)
				return err
			})
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "wait for more until the task has ended")
	return cmd
}

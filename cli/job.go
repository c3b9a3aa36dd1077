package cli

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/jobfile"
)

func jobCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "job COMMAND",
		Short: "Submit and look after jobs",
		Long: `Submit jobs from files, and look after jobs: also those of p2prc run. JOB is an
id, or the beginning or end of one.`,
		Args: cobra.ArbitraryArgs,
		RunE: group,
	}
	act := func(use, done, about, example string, do func(ctx context.Context, c *api.Client, id api.JobID) error) *cobra.Command {
		return &cobra.Command{
			Use: use + " JOB...", Short: about, Long: about + "." + exits(api.KindNotRunning, api.KindNotFound), Example: example,
			Args: takes(1, -1, "a JOB"), ValidArgsFunction: complete(a, jobWords),
			RunE: func(cmd *cobra.Command, args []string) error {
				client, err := a.node()
				if err != nil {
					return err
				}
				for _, id := range args {
					if err := do(cmd.Context(), client, api.JobID(id)); err != nil {
						return err
					}
					if done != "" {
						a.out.note("job %s %s", id, done)
					}
				}
				return nil
			},
		}
	}
	var reason string
	cancel := act("cancel", "is canceled", "End jobs", "  p2prc job cancel 7KQZ3M --reason 'wrong scene'", func(ctx context.Context, c *api.Client, id api.JobID) error {
		return c.CancelJob(ctx, id, or(reason, "canceled by its owner"))
	})
	cancel.Flags().StringVar(&reason, "reason", "", "kept with the job")
	cmd.AddCommand(jobSubmitCmd(a), jobLsCmd(a), jobShowCmd(a), jobWatchCmd(a), jobLogsCmd(a), jobWhyCmd(a), jobResultsCmd(a), cancel,
		act("pause", "is paused: what runs goes on, nothing new starts", "Start no more tasks of jobs", "  p2prc job pause 7KQZ3M", func(ctx context.Context, c *api.Client, id api.JobID) error { return c.PauseJob(ctx, id) }),
		act("resume", "goes on", "Let paused jobs go on", "  p2prc job resume 7KQZ3M", func(ctx context.Context, c *api.Client, id api.JobID) error { return c.ResumeJob(ctx, id) }),
		act("retry", "", "Run the failed and canceled tasks of jobs again", "  p2prc job retry 7KQZ3M", func(ctx context.Context, c *api.Client, id api.JobID) error {
			res, err := c.RetryJob(ctx, id)
			if err == nil {
				a.out.note("job %s: %s again", id, plural(res.Tasks, "task"))
			}
			return err
		}),
		act("rm", "is forgotten", "Forget ended jobs and what they kept", "  p2prc job rm 7KQZ3M 9HWD2C", func(ctx context.Context, c *api.Client, id api.JobID) error { return c.RemoveJob(ctx, id) }))
	return cmd
}

func jobSubmitCmd(a *app) *cobra.Command {
	var watch bool
	var o batchOptions
	cmd := &cobra.Command{
		Use:   "submit FILE",
		Short: "Submit a job file",
		Long: `Submit the job that a YAML file describes (docs/job.schema.json), and print its
id. Its local files are uploaded as they are now. With --watch, or with -o, the
command stays until the job has ended, as p2prc run does.` + exits(api.KindTasksFailed, api.KindNotRunning, api.KindNotFound, api.KindNobody),
		Example: "  p2prc job submit render.yaml\n  p2prc job submit render.yaml --watch -o pictures",
		Args:    takes(1, 1, "a job FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			job, err := jobfile.Load(a.abs(args[0]), args[0])
			if err != nil {
				return err
			}
			if o.dir, err = resultsDir(a, o.dir); err != nil {
				return err
			}
			client, err := a.node()
			if err != nil {
				return err
			}
			return runSubmit(cmd.Context(), client, a.out, job, watch || o.dir != "", o)
		},
	}
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "stay until the job has ended")
	followFlags(cmd.Flags(), &o)
	return cmd
}

func runSubmit(ctx context.Context, client *api.Client, out *output, job *jobfile.Job, watch bool, o batchOptions) error {
	spec, err := prepare(ctx, client, out, job)
	if err != nil {
		return err
	}
	submitted, err := client.SubmitJob(ctx, spec)
	if err != nil {
		return err
	}
	if !watch {
		if _, err := fmt.Fprintln(out.stdout, submitted.ID); err != nil {
			return err
		}
		warnNobody(ctx, client, out, submitted.ID)
		return nil
	}
	if !o.quiet {
		out.note("job %s: %s", short(submitted.ID), plural(submitted.Tasks.Total, "task"))
	}
	return newBatch(client, out, submitted, o).run(ctx)
}

func jobLsCmd(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "ls",
		Short:   "List jobs, running and ended",
		Long:    "List this node's jobs, running and ended." + exits(api.KindNotRunning),
		Example: "  p2prc job ls\n  p2prc job ls --json",
		Args:    takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.node()
			if err != nil {
				return err
			}
			jobs, err := client.Jobs(cmd.Context())
			if err != nil {
				return err
			}
			now := time.Now()
			return list(a.out, asJSON, jobs, []string{"ID", "NAME", "STATE", "DONE", "FAILED", "RUNNING", "QUEUED", "AGE", "KEPT", "REASON"}, func(j api.Job) []string {
				return []string{short(j.ID), or(j.Name, "-"), string(j.State), fmt.Sprintf("%d/%d", j.Tasks.Done, j.Tasks.Total), strconv.FormatInt(j.Tasks.Failed, 10),
					strconv.FormatInt(j.Tasks.Running, 10), strconv.FormatInt(j.Tasks.Queued, 10), ago(j.Created, now), bytesOf(j.Bytes), or(j.Reason, "-")}
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the list as JSON")
	return cmd
}

func jobWatchCmd(a *app) *cobra.Command {
	var o batchOptions
	var output bool
	cmd := &cobra.Command{
		Use:   "watch JOB",
		Short: "Follow a job until it has ended",
		Long: `Follow a job's progress until it has ended. Ctrl-C stops watching; the job goes
on. With --output the tasks' output is printed too.` + exits(api.KindTasksFailed, api.KindNotRunning, api.KindNotFound, api.KindCanceled),
		Example: "  p2prc job watch 7KQZ3M\n  p2prc job watch 7KQZ3M --output -o pictures",
		Args:    takes(1, 1, "a JOB"), ValidArgsFunction: byPlace(complete(a, jobWords)),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.node()
			if err != nil {
				return err
			}
			job, err := client.Job(cmd.Context(), api.JobID(args[0]))
			if err != nil {
				return err
			}
			if o.dir, err = resultsDir(a, o.dir); err != nil {
				return err
			}
			o.keep, o.wait, o.noOutput = true, true, !output
			return newBatch(client, a.out, job.Job, o).run(cmd.Context())
		},
	}
	cmd.Flags().BoolVar(&output, "output", false, "print the tasks' output")
	followFlags(cmd.Flags(), &o)
	must(cmd.Flags().MarkHidden("wait"))
	return cmd
}

func jobWhyCmd(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "why JOB",
		Short:   "Explain what a job's waiting tasks wait for",
		Long:    "Tell for every peer whether it may run the job's tasks, and what rules it out." + exits(api.KindNotRunning, api.KindNotFound),
		Example: "  p2prc job why 7KQZ3M",
		Args:    takes(1, 1, "a JOB"), ValidArgsFunction: byPlace(complete(a, jobWords)),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.node()
			if err != nil {
				return err
			}
			w, err := client.WhyJob(cmd.Context(), api.JobID(args[0]))
			if err != nil {
				return err
			}
			if asJSON {
				return a.out.json(w)
			}
			a.out.note("%s waiting", plural(w.Waiting, "task"))
			return list(a.out, false, w.Peers, []string{"PEER", "ID", "CAN", "WHY"}, func(p api.WhyPeer) []string {
				can := "no"
				if p.OK {
					can = "yes"
				}
				return []string{or(p.Name, "-"), p.Peer.Short(), can, p.Reason}
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the explanation as JSON")
	return cmd
}

func jobResultsCmd(a *app) *cobra.Command {
	var dir string
	var overwrite, asJSON bool
	cmd := &cobra.Command{
		Use:   "results JOB -o DIR",
		Short: "Write the files that a job's tasks left",
		Long: `Write the files that the job's done tasks left below DIR; 'DIR/{task}' or
'DIR/{NAME}' gives each task a folder of its own. A path that would leave DIR is
refused. A file that is there already stays when its content is the same and is
an error when it is not, unless --overwrite. Without -o the files are listed.` + exits(api.KindNotRunning, api.KindNotFound),
		Example: "  p2prc job results 7KQZ3M -o pictures\n  p2prc job results 7KQZ3M -o 'runs/{task}'",
		Args:    takes(1, 1, "a JOB"), ValidArgsFunction: byPlace(complete(a, jobWords)),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.node()
			if err != nil {
				return err
			}
			if dir == "" {
				return listResults(cmd.Context(), client, a.out, api.JobID(args[0]), asJSON)
			}
			if dir, err = resultsDir(a, dir); err != nil {
				return err
			}
			w := newResultWriter(client, dir, overwrite)
			if err := client.Results(cmd.Context(), api.JobID(args[0]), func(t api.Task) error { return w.write(cmd.Context(), t) }); err != nil {
				return err
			}
			a.out.note("%s", w.summary())
			return nil
		},
	}
	cmd.Flags().StringVarP(&dir, "output-dir", "o", "", "write below `DIR`")
	cmd.Flags().BoolVar(&overwrite, "overwrite", false, "replace files that have other content")
	cmd.Flags().BoolVar(&asJSON, "json", false, "without -o: print the tasks as JSON lines")
	return cmd
}

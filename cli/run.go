package cli

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/size"
	"github.com/Akilan1999/p2p-rendering-computation/jobfile"
)

type runOptions struct {
	name, runtime, image, network, where, strategy, restart, cwd, stdin string
	on, each, in, outputs, env                                          []string
	cpus                                                                float64
	memory, disk, output                                                size.Bytes
	gpus, retry, maxFails                                               int
	timeout, cpuTime                                                    time.Duration
	detach                                                              bool
	follow                                                              batchOptions
}

func runCmd(a *app) *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run [flags] [--] PROGRAM [ARGUMENT...]",
		Short: "Run a command on the pool, once or as an array",
		Long: `Run a command on the nodes of the pool that lend what it needs.

A first word that is a local .wasm file is uploaded and runs in wasm; --image
runs in docker; otherwise --runtime process runs what the other machine has, where
its owner allows that. Flags come before the command; nothing after it is taken
for one of ours.

--each NAME=VALUES makes an array: one task per value, and per combination when
it is given again. VALUES is a range (1-100, 0001-0100, 1-100/5), a list (a,b,c)
or @FILE with one value a line. {NAME} stands for the value and {task} for the
task's number in the command, --env, --out and the names of --in; {{ is a brace.

Each task starts in a directory of its own that holds the --in files. Files that
match --out are brought back; -o DIR writes them below DIR ('DIR/{task}' gives
each task a folder). They are kept either way: p2prc job results.

A task in a container has no network unless --network asks for one and the lender's
owner allows it: filtered reaches the Internet and nothing of the lender's, open
all that the lender's machine reaches.

A single task's output is printed as it is, and its exit code is this command's.
An array's output is printed in whole lines. Ctrl-C cancels the job; twice leaves
at once.` + exits(api.KindTasksFailed, api.KindNotRunning, api.KindDenied, api.KindNotFound, api.KindNobody, api.KindCanceled) +
			"\n  125  p2prc itself failed, where a single task's own code would be the exit code",
		Example: "  p2prc run hello.wasm world\n" +
			"  p2prc run --each frame=0001-0100 --in scene.obj --out 'frame-{frame}.png' -o pictures render.wasm --frame '{frame}' scene.obj\n" +
			"  p2prc run --runtime process --on big-box -- uname -a\n" +
			"  p2prc run --image alpine --network filtered -- wget -qO- https://example.org\n" +
			"  p2prc run --each n=1-1000 --where 'labels.zone == \"eu\"' --memory 1GiB --retry 2 work.wasm '{n}'",
		Annotations: map[string]string{ownFailures: "yes"},
		Args:        cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			a.array = len(o.each) > 0
			job, err := o.job(a, args)
			if err != nil {
				return err
			}
			client, err := a.node()
			if err != nil {
				return err
			}
			return runRun(cmd.Context(), client, a.out, job, o)
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveDefault
		},
	}
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		a.array = cmd.Flags().Changed("each")
		return flagMistake(err, "flags of p2prc run come before the command; "+cmd.CommandPath()+" --help lists them")
	})
	f := cmd.Flags()
	f.SetInterspersed(false)
	f.StringVar(&o.name, "name", "", "the job's name in listings")
	f.StringSliceVar(&o.on, "on", nil, "only on these `PEER`s")
	f.StringVar(&o.where, "where", "", "only where this `EXPR` (CEL over the peer's record) is true")
	f.StringVar(&o.runtime, "runtime", "", "wasm, process or docker")
	f.StringVar(&o.image, "image", "", "the container image (runtime docker)")
	f.StringVar(&o.network, "network", "", "what its container can reach: none, filtered or open")
	f.StringArrayVar(&o.each, "each", nil, "make an array: `NAME=VALUES`, may be given again")
	f.StringArrayVar(&o.in, "in", nil, "give every task a file or folder: `PATH[:NAME]`, may be given again")
	f.StringArrayVar(&o.outputs, "out", nil, "bring back files that match `GLOB`, may be given again")
	f.StringArrayVar(&o.env, "env", nil, "`NAME=VALUE`, or NAME for the value it has here")
	f.StringVar(&o.stdin, "stdin", "", "give every task this `FILE` as standard input, - for ours")
	f.StringVar(&o.cwd, "cwd", "", "start in this folder of the task's directory")
	f.Float64Var(&o.cpus, "cpus", 0, "cores one task needs (default 1)")
	sizeVar(f, &o.memory, "memory", "memory one task needs (default 256MiB)")
	sizeVar(f, &o.disk, "disk", "disk one task needs")
	f.IntVar(&o.gpus, "gpus", 0, "whole GPUs one task needs")
	f.DurationVar(&o.timeout, "timeout", 0, "longest time one task may take")
	f.DurationVar(&o.cpuTime, "cpu-time", 0, "most processor time one task may use")
	sizeVar(f, &o.output, "max-output", "most bytes one task may print (default 64MiB)")
	f.IntVar(&o.retry, "retry", 0, "further tries of a task that failed")
	f.IntVar(&o.maxFails, "max-fails", 0, "cancel the job when more tasks than this failed (0: never)")
	f.StringVar(&o.strategy, "strategy", "", "how tasks are spread: spread or pin")
	f.StringVar(&o.restart, "restart", "", "never: a task lost with its machine is not run again")
	f.BoolVarP(&o.detach, "detach", "d", false, "print the job's id and come back at once")
	followFlags(f, &o.follow)
	must(cmd.RegisterFlagCompletionFunc("on", complete(a, peerWords)))
	must(cmd.RegisterFlagCompletionFunc("runtime", complete(a, runtimeWords)))
	must(cmd.RegisterFlagCompletionFunc("network", guestNetworks))
	must(cmd.RegisterFlagCompletionFunc("strategy", fixed("spread", "pin")))
	must(cmd.RegisterFlagCompletionFunc("restart", fixed("on-loss", "never")))
	return cmd
}

// followFlags are those of every command that follows a job.
func followFlags(f *pflag.FlagSet, o *batchOptions) {
	f.StringVarP(&o.dir, "output-dir", "o", "", "write the files that tasks leave below `DIR`")
	f.BoolVar(&o.overwrite, "overwrite", false, "with -o: replace files that have other content")
	f.BoolVar(&o.ordered, "ordered", false, "print the output of an array's tasks in their order")
	f.BoolVar(&o.wait, "wait", false, "keep waiting when nobody can run it now")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "no progress")
}

// sizeFlag is a flag that holds a size.
type sizeFlag struct{ b *size.Bytes }

func sizeVar(f *pflag.FlagSet, b *size.Bytes, name, usage string) { f.Var(sizeFlag{b}, name, usage) }

func (s sizeFlag) Set(text string) error { return s.b.UnmarshalText([]byte(text)) }
func (s sizeFlag) Type() string          { return "size" }
func (s sizeFlag) String() string {
	if s.b == nil || *s.b == 0 {
		return ""
	}
	return s.b.String()
}

// job is what the flags say, checked.
func (o *runOptions) job(a *app, args []string) (*jobfile.Job, error) {
	usage := func(flag string, format string, args ...any) *api.Error {
		return api.Errorf(api.KindUsage, "--"+flag+" "+format, args...)
	}
	switch {
	case o.cpus < 0:
		return nil, usage("cpus", "%g is negative", o.cpus)
	case o.gpus < 0:
		return nil, usage("gpus", "%d is negative", o.gpus)
	case o.timeout < 0 || o.cpuTime < 0:
		return nil, api.Errorf(api.KindUsage, "a limit of time cannot be negative")
	case o.retry < 0 || o.retry > 100:
		return nil, usage("retry", "%d makes no sense", o.retry).WithHint("0 to 100")
	case o.maxFails < 0:
		return nil, usage("max-fails", "%d is negative", o.maxFails)
	case !slices.Contains([]string{"", "spread", "pin"}, o.strategy):
		return nil, usage("strategy", "%s is not known", o.strategy).WithHint("spread or pin")
	case !slices.Contains([]string{"", "on-loss", "never"}, o.restart):
		return nil, usage("restart", "%s is not known", o.restart).WithHint("on-loss or never")
	case !api.GuestNetwork(o.network).Valid():
		return nil, usage("network", "%s is not known", o.network).WithHint(networksHint)
	case !slices.Contains([]string{"", "wasm", "process", "docker"}, o.runtime):
		return nil, usage("runtime", "%s is not known", o.runtime).WithHint("wasm, process or docker")
	}
	env, err := jobfile.ParseEnv(o.env, a.env.Getenv)
	if err != nil {
		return nil, err
	}
	job := &jobfile.Job{Dir: a.env.Dir, On: o.on, Spec: api.JobSpec{
		Name: o.name, Runtime: api.RuntimeName(o.runtime), Image: o.image, Network: api.GuestNetwork(o.network), Command: args, Env: env, Cwd: o.cwd,
		Outputs: o.outputs, Where: o.where, Strategy: o.strategy, Retry: o.retry, MaxFails: o.maxFails, Restart: o.restart,
		Needs:  api.Resources{CPU: o.cpus, Memory: int64(o.memory), Disk: int64(o.disk), GPU: o.gpus},
		Limits: api.TaskLimits{Wall: api.Duration(o.timeout), CPU: api.Duration(o.cpuTime), Output: int64(o.output)},
		Live:   len(o.each) == 0 && !o.detach,
	}}
	for _, e := range o.each {
		axis, err := jobfile.ParseEach(e, a.env.Dir)
		if err != nil {
			return nil, err
		}
		job.Spec.Each = append(job.Spec.Each, axis)
	}
	for _, in := range o.in {
		job.Inputs = append(job.Inputs, jobfile.ParseInput(in, a.env.Dir))
	}
	if err := o.program(job, args); err != nil {
		return nil, err
	}
	if err := o.readStdin(a, job); err != nil {
		return nil, err
	}
	if err := job.Check(); err != nil {
		return nil, api.Errorf(api.KindUsage, "%w", err).WithHint("%s", api.HintOf(err))
	}
	return job, o.checkDir(a, job)
}

// program decides what is run: a module, an image, or a program over there.
func (o *runOptions) program(job *jobfile.Job, args []string) error {
	switch {
	case len(args) == 0 && o.image == "":
		return api.Errorf(api.KindUsage, "there is nothing to run").WithHint("p2prc run [flags] PROGRAM [ARGUMENT...]")
	case o.image != "":
	case o.runtime == "wasm" || o.runtime == "" && strings.HasSuffix(args[0], ".wasm"):
		job.Module = args[0]
		job.Spec.Command = append([]string{filepath.Base(args[0])}, args[1:]...)
	case o.runtime == "docker":
		return api.Errorf(api.KindUsage, "runtime docker needs an image").WithHint("--image NAME")
	case o.runtime == "":
		return api.Errorf(api.KindUsage, "%s is not a .wasm file: where should it run", args[0]).WithHint("--runtime process runs a program of the other machine, where its owner allows that; --image runs a container")
	}
	return nil
}

func (o *runOptions) readStdin(a *app, job *jobfile.Job) error {
	switch o.stdin {
	case "":
	case "-":
		text, err := io.ReadAll(io.LimitReader(a.env.Stdin, inlineStdin+1))
		if err != nil {
			return api.Errorf(api.KindInternal, "standard input: %w", err)
		}
		if len(text) > inlineStdin {
			return api.Errorf(api.KindTooLarge, "standard input is longer than %d KiB", inlineStdin>>10).WithHint("save it, and give --stdin FILE")
		}
		job.Spec.Stdin = strings.ReplaceAll(string(text), "{", "{{") // it is data, not a template
	default:
		job.StdinFile = o.stdin
	}
	return nil
}

// checkDir checks -o before the work is done rather than after.
func (o *runOptions) checkDir(a *app, job *jobfile.Job) error {
	dir := o.follow.dir
	if dir == "" {
		return nil
	}
	if len(o.outputs) == 0 {
		return api.Errorf(api.KindUsage, "-o %s has nothing to write: no --out says which files to bring back", dir).WithHint("--out '*.png'")
	}
	sample := api.Task{Each: map[string]string{}}
	for _, axis := range job.Spec.Each {
		sample.Each[axis.Name] = "x"
	}
	if _, err := render(dir, sample); err != nil {
		return err
	}
	fixed := slices.ContainsFunc(o.outputs, func(g string) bool { return !strings.ContainsAny(g, "*?[{") })
	if jobfile.Count(job.Spec.Each) > 1 && fixed && !varies(dir) {
		return api.Errorf(api.KindUsage, "all tasks would write the same file below %s", dir).WithHint("give each task a folder: -o '%s/{task}', or a name: --out 'NAME-{task}'", dir)
	}
	var err error
	o.follow.dir, err = resultsDir(a, dir)
	return err
}

func runRun(ctx context.Context, client *api.Client, out *output, job *jobfile.Job, o runOptions) error {
	spec, err := prepare(ctx, client, out, job)
	if err != nil {
		return err
	}
	submitted, err := client.SubmitJob(ctx, spec)
	if err != nil {
		return err
	}
	if o.detach {
		if _, err := fmt.Fprintln(out.stdout, submitted.ID); err != nil {
			return err
		}
		warnNobody(ctx, client, out, submitted.ID)
		return nil
	}
	o.follow.raw = len(spec.Each) == 0
	if !o.follow.raw && !o.follow.quiet {
		out.note("job %s: %s", short(submitted.ID), plural(submitted.Tasks.Total, "task"))
	}
	return newBatch(client, out, submitted, o.follow).run(ctx)
}

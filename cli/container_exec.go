package cli

import (
	"context"
	"io"
	"os"

	"github.com/charmbracelet/x/term"
	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire/session"
)

type execOptions struct {
	interactive, tty bool
	user, cwd        string
	env              []string
	kind             string // of the session; empty: exec
}

func containerExecCmd(a *app) *cobra.Command {
	var o execOptions
	cmd := &cobra.Command{
		Use:   "exec [flags] NAME|GROUP [--] COMMAND [ARGUMENT...]",
		Short: "Run a command in a container",
		Long: `Run a command in a container and end with its exit code. The words are handed over
as they are: no shell reads them. With -i the command reads this command's input,
with -t it gets a terminal of this terminal's type and size. In a GROUP it is run in every
container at once, without input.

When the command ends, and when this one does, whatever it started in the container
is killed. What is to live on belongs into the container's main command.` +
			exits(api.KindCanceled) + "\n  125  p2prc itself failed; else the exit code is the command's",
		Example:     "  p2prc container exec bench uname -a\n  p2prc container exec -it bench bash\n  tar c . | p2prc container exec -i bench tar x -C /srv",
		Annotations: map[string]string{ownFailures: "yes"},
		Args:        takes(2, -1, "the NAME of a container and a command"), ValidArgsFunction: byPlace(complete(a, targetWords)),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.node()
			if err != nil {
				return err
			}
			command := args[1:]
			if command[0] == "--" { // after the name it is still ours
				command = command[1:]
			}
			if len(command) == 0 {
				return api.Errorf(api.KindUsage, "%s needs a command after the NAME", cmd.CommandPath())
			}
			return each(cmd.Context(), a, client, args[:1], true, func(ctx context.Context, one *app, name string) error {
				if one != a && (o.interactive || o.tty) {
					return api.Errorf(api.KindUsage, "many containers cannot share an input or a terminal")
				}
				return runExec(ctx, one, client, name, command, o)
			})
		},
	}
	f := cmd.Flags()
	f.SetInterspersed(false)
	f.BoolVarP(&o.interactive, "interactive", "i", false, "give the command our standard input")
	f.BoolVarP(&o.tty, "tty", "t", false, "give the command a terminal")
	userVar(f, &o.user)
	f.StringVarP(&o.cwd, "workdir", "w", "", "start in this `FOLDER` of the container")
	f.StringArrayVarP(&o.env, "env", "e", nil, "`NAME=VALUE` for the command, may be given again")
	return cmd
}

func userVar(f *pflag.FlagSet, user *string) {
	f.StringVarP(user, "user", "u", "", "as this `USER[:GROUP]` of the container (default: the image's)")
}

// openSession opens a session; closing it ends everything it started.
func openSession(ctx context.Context, client *api.Client, name string) (*session.Client, error) {
	conn, err := client.ContainerSession(ctx, name)
	if err != nil {
		return nil, err
	}
	return session.NewClient(conn), nil
}

func runExec(ctx context.Context, a *app, client *api.Client, name string, args []string, o execOptions) error {
	req := session.Request{Kind: o.kind, Args: args, Env: o.env, User: o.user, Cwd: o.cwd}
	streams := session.Streams{Stdout: a.out.stdout, Stderr: a.out.stderr}
	if o.interactive {
		streams.Stdin = a.env.Stdin
	}
	if o.tty {
		req.Term = or(a.env.Getenv("TERM"), "xterm")
		req.Size = sizeOf(a.env.Stdout)
	}
	s, err := openSession(ctx, client, name)
	if err != nil {
		return err
	}
	defer s.Close()
	if o.tty {
		restore, err := rawInput(a.env.Stdin, o.interactive)
		if err != nil {
			return err
		}
		defer restore()
		watch, stop := context.WithCancel(ctx)
		watched := make(chan struct{})
		go func() {
			defer close(watched)
			watchSize(watch, func() {
				// A session that is over needs no size.
				_ = s.Resize(sizeOf(a.env.Stdout))
			})
		}()
		defer func() { stop(); <-watched }()
	}
	exit, err := s.Exec(ctx, req, streams)
	if err != nil {
		return err
	}
	if exit.OK() {
		return nil
	}
	var why error
	if exit.Msg != "" {
		why = api.Errorf(api.KindInvalid, "%s", exit.Msg)
	}
	return &exitError{code: exit.Code, err: why}
}

// rawInput makes a terminal on stdin hand every key over; what is no terminal
// stays as it is.
func rawInput(stdin io.Reader, wanted bool) (restore func(), err error) {
	f, ok := stdin.(*os.File)
	if !wanted || !ok || !isatty.IsTerminal(f.Fd()) {
		return func() {}, nil
	}
	was, err := term.MakeRaw(f.Fd())
	if err != nil {
		return nil, api.Errorf(api.KindInternal, "the terminal cannot be made raw: %w", err)
	}
	return func() { _ = term.Restore(f.Fd(), was) }, nil // there is nothing else to try
}

// sizeOf is a terminal's size; the usual one where there is none.
func sizeOf(stdout io.Writer) session.Size {
	if f, ok := stdout.(*os.File); ok {
		if cols, rows, err := term.GetSize(f.Fd()); err == nil && cols > 0 && rows > 0 && cols < 1<<16 && rows < 1<<16 {
			return session.Size{Rows: uint16(rows), Cols: uint16(cols)}
		}
	}
	return session.Size{Rows: 24, Cols: 80}
}

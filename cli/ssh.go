package cli

import (
	"context"
	"io"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire/session"
)

func sshCmd(a *app) *cobra.Command {
	o := execOptions{kind: session.KindShell, interactive: true}
	cmd := &cobra.Command{
		Use:   "ssh [flags] [USER@]NAME|PEER [--] [COMMAND...]",
		Short: "A shell in a container, or in a sandbox of a peer",
		Long: `Open a shell in a container, or run COMMAND by the shell there and end with its exit
code. It is USER's shell, or that of the image's own user, in that user's home
folder; the words of COMMAND are one line for it.

With the name of a PEER it is a sandbox of that machine's own programs, where its
owner lets this node (p2prc lend policy allow THIS-NODE shell): no network, a work
directory that all your sessions there share, and nothing left of it when the last
of them ends.

This needs neither an sshd in the container nor an ssh here. For the programs that
do use ssh (scp, sftp, rsync, git, Ansible): p2prc ssh-config --install.` +
			exits(api.KindCanceled) + "\n  125  p2prc itself failed; else the exit code is the command's",
		Example:     "  p2prc ssh web\n  p2prc ssh big-box -- nproc\n  p2prc ssh root@web -- 'apt-get update && apt-get upgrade'",
		Annotations: map[string]string{ownFailures: "yes"},
		Args:        takes(1, -1, "the NAME of a container or of a peer"), ValidArgsFunction: byPlace(complete(a, placeWords)),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.node()
			if err != nil {
				return err
			}
			user, name, named := strings.Cut(args[0], "@")
			if !named {
				user, name = "", args[0]
			}
			var line []string
			if words := args[1:]; len(words) > 0 {
				if words[0] == "--" { // after the name it is still ours
					words = words[1:]
				}
				line = []string{strings.Join(words, " ")}
			}
			o.user, o.tty = user, o.tty || line == nil && typed(a.env.Stdin)
			err = runExec(cmd.Context(), a, client, name, line, o)
			if api.KindOf(err) != api.KindNotFound {
				return err
			}
			return noPlace(cmd.Context(), client, name, err)
		},
	}
	cmd.Flags().SetInterspersed(false)
	cmd.Flags().BoolVarP(&o.tty, "tty", "t", false, "give COMMAND a terminal too")
	return cmd
}

// noPlace is err, or that there is no place called name if that is the reason.
func noPlace(ctx context.Context, client *api.Client, name string, err error) error {
	boxes, lerr := client.Containers(ctx)
	if lerr != nil || slices.ContainsFunc(boxes, func(c api.Container) bool { return c.Name == name || string(c.ID) == name }) {
		return err
	}
	if g, gerr := client.Group(ctx, name); gerr == nil {
		return api.Errorf(api.KindInvalid, "%s is a group", name).WithHint("name one of its containers: %s; in all of them: p2prc container exec %s COMMAND", strings.Join(g.Containers, ", "), name)
	}
	if _, perr := client.Peer(ctx, name); api.KindOf(perr) != api.KindNotFound {
		return err
	}
	return nothingCalled(ctx, client, name)
}

// typed tells whether a person types what is read.
func typed(stdin io.Reader) bool {
	f, ok := stdin.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// sshSuffix ends the names by which ssh knows containers.
const sshSuffix = ".p2prc"

// sshProxyCmd is what the block of ssh-config runs.
func sshProxyCmd(a *app) *cobra.Command {
	var pass bool
	cmd := &cobra.Command{
		Use: "ssh-proxy HOST", Hidden: true, Args: takes(1, 1, "the HOST"),
		Short: "Connect stdin and stdout to this node's SSH server",
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.node()
			if err != nil {
				return err
			}
			name := strings.TrimSuffix(args[0], sshSuffix)
			if to := socketOf(a.env.Stdout); pass && to != nil {
				defer to.Close()
				return passSSH(cmd.Context(), to, client, name)
			}
			return runSSHProxy(cmd.Context(), a, client, name)
		},
	}
	cmd.Flags().BoolVar(&pass, "pass", false, "hand the connection to who has the other end of stdout")
	return cmd
}

// passSSH hands over the connection, so that ssh and the node need nobody between them.
func passSSH(ctx context.Context, to *net.UnixConn, client *api.Client, name string) error {
	conn, err := client.ContainerSSHSocket(ctx, name)
	if err != nil {
		return err
	}
	defer conn.Close() // ssh has its own by then
	return pass(to, conn)
}

// socketOf is the UNIX socket that a stream is; nil for another one.
func socketOf(stream any) *net.UnixConn {
	f, ok := stream.(*os.File)
	if !ok {
		return nil
	}
	c, err := net.FileConn(f)
	if err != nil {
		return nil
	}
	if u, ok := c.(*net.UnixConn); ok {
		return u
	}
	_ = c.Close() // a copy
	return nil
}

// runSSHProxy ends with whichever side ends first: ssh closes both ways at once.
func runSSHProxy(ctx context.Context, a *app, client *api.Client, name string) error {
	conn, err := client.ContainerSSH(ctx, name)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // what is read next says so
	defer stop()
	go func() { // ends with the process at the latest
		_, _ = io.Copy(conn, a.env.Stdin)
		_ = conn.Close()
	}()
	_, _ = io.Copy(a.out.stdout, conn) // ssh says what a broken connection means
	_ = conn.Close()                   // all was read
	return nil
}

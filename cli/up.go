package cli

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/kardianos/service"
	"github.com/spf13/cobra"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/config"
)

type upOptions struct {
	detach   bool
	install  bool
	remove   bool
	port     int
	logLevel string
	logJSON  bool
	wait     time.Duration
}

func upCmd(a *app) *cobra.Command {
	var o upOptions
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Run this machine's node",
		Long: `Run the node of this home until it is asked to stop (Ctrl-C, or p2prc down).

The first time, the home, the node's identity and a private network with this
node as its only member are created. With --detach the command comes back when
the node answers; its log is then the file p2prc.log in the home.

With --install this home's node is started by systemd or launchd from now on,
with the machine and again when it fails: as a service of the user, or of the
system where root asks for it. --uninstall ends that; the home stays.` + exits(),
		Example: "  p2prc up\n  p2prc up --detach\n  p2prc up --port 4001\n  p2prc up --install",
		Args:    takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			home, err := a.homeDir()
			if err != nil {
				return err
			}
			if o.port < 0 || o.port > 65535 {
				return api.Errorf(api.KindUsage, "--port %d is not a port", o.port).WithHint("1 to 65535, or 0 as configured")
			}
			if _, err := config.Socket(home); err != nil {
				return err
			}
			if o.install && (o.remove || o.detach) || o.remove && o.detach {
				return api.Errorf(api.KindUsage, "--detach, --install and --uninstall are three different things").WithHint("give one of them")
			}
			if o.install || o.remove {
				b, err := a.newBootService(service.Platform(), home, o.port, os.Geteuid() != 0)
				if err != nil {
					return err
				}
				if o.remove {
					return a.uninstall(b)
				}
				return a.install(cmd.Context(), b)
			}
			if o.detach {
				return runDetached(cmd.Context(), a, home, o)
			}
			return a.deps.Up(cmd.Context(), UpOptions{
				Home: home, Port: o.port, LogLevel: o.logLevel, LogJSON: o.logJSON, Log: a.out.stderr,
				Ready: func(st api.Status) { a.sayUp(st, true) },
			})
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&o.detach, "detach", "d", false, "come back when the node is ready and leave it running")
	f.BoolVar(&o.install, "install", false, "start the node with the machine, as a service")
	f.BoolVar(&o.remove, "uninstall", false, "end that")
	f.IntVar(&o.port, "port", 0, "listen on this port, TCP and UDP; it must be free")
	f.StringVar(&o.logLevel, "log-level", "", "debug, info, warn or error")
	f.BoolVar(&o.logJSON, "log-json", false, "write the log as JSON lines")
	f.DurationVar(&o.wait, "wait", 30*time.Second, "with --detach: how long to wait until it is ready")
	must(cmd.RegisterFlagCompletionFunc("log-level", fixed("debug", "info", "warn", "error")))
	return cmd
}

// sayUp tells that the node is there and what to do next.
func (a *app) sayUp(st api.Status, foreground bool) {
	a.out.note("node %s (%s) is up, process %d, home %s", st.Name, st.ID.Short(), st.PID, st.Home)
	switch {
	case st.Peers == 0 && st.Role == api.RoleAdmin:
		a.out.note("it is alone in its network: p2prc invite makes a token for another machine, p2prc join TOKEN goes into another network")
	case st.Peers > 0:
		a.out.note("%s known: p2prc peers", plural(int64(st.Peers), "peer"))
	}
	if foreground {
		a.out.note("Ctrl-C stops it")
	}
}

// runDetached starts this program again without a terminal and waits for it.
func runDetached(ctx context.Context, a *app, home string, o upOptions) error {
	client, err := a.node()
	if err != nil {
		return err
	}
	if st, err := client.Status(ctx); err == nil {
		return api.Errorf(api.KindConflict, "a node runs in %s already, process %d", home, st.PID).WithHint("p2prc status shows it, p2prc down stops it")
	}
	if err := os.MkdirAll(home, 0o700); err != nil {
		return api.Errorf(api.KindInternal, "the home cannot be made: %w", err)
	}
	log, err := os.OpenFile(filepath.Join(home, config.LogName), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return api.Errorf(api.KindInternal, "%w", err)
	}
	start, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return errors.Join(api.Errorf(api.KindInternal, "%w", err), log.Close())
	}
	args := []string{"up", "--home", home}
	if o.port != 0 {
		args = append(args, "--port", strconv.Itoa(o.port))
	}
	if o.logLevel != "" {
		args = append(args, "--log-level", o.logLevel)
	}
	if o.logJSON {
		args = append(args, "--log-json")
	}
	child := exec.Command(a.env.Program, args...) // not CommandContext: it outlives this command
	child.Stdout, child.Stderr, child.Dir = log, log, home
	detach(child)
	err = child.Start()
	if err != nil {
		return errors.Join(api.Errorf(api.KindInternal, "the node cannot be started: %w", err), log.Close())
	}
	exited := make(chan error, 1)
	go func() { exited <- child.Wait() }()
	err = a.awaitReady(ctx, client, child, exited, log.Name(), start, o.wait)
	return errors.Join(err, log.Close())
}

// awaitReady waits until the node answers, has ended, or took too long. The
// goroutine that waits for the child ends with this process at the latest.
func (a *app) awaitReady(ctx context.Context, client *api.Client, child *exec.Cmd, exited <-chan error, log string, start int64, wait time.Duration) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(wait)
	defer late.Stop()
	for {
		select {
		case <-exited:
			return childFailed(log, start, child.ProcessState.ExitCode())
		case <-ctx.Done():
			return errors.Join(ctx.Err(), child.Process.Signal(os.Interrupt))
		case <-late.C:
			return api.Errorf(api.KindTimeout, "the node, process %d, does not answer after %s", child.Process.Pid, wait).WithHint("it may only be slow: p2prc status; its log is %s", log)
		case <-tick.C:
		}
		// Its door opens before it listens for peers; an invite made between the
		// two would name no address.
		if st, err := client.Status(ctx); err == nil && len(st.Addrs) > 0 {
			a.sayUp(st, false)
			return nil
		}
	}
}

// childFailed is the error of a node that ended at once: its own, out of its log.
func childFailed(log string, start int64, code int) error {
	e := &api.Error{Kind: api.KindInternal, Msg: "the node ended at once", Hint: "its log is " + log}
	f, err := os.Open(log)
	if err != nil {
		return e
	}
	defer f.Close()
	if _, err := f.Seek(start, io.SeekStart); err != nil {
		return e
	}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if msg, ok := strings.CutPrefix(lines.Text(), "error: "); ok {
			e.Msg = msg
		}
		if hint, ok := strings.CutPrefix(lines.Text(), "hint: "); ok {
			e.Hint = hint
		}
	}
	return &exitError{code: max(code, 1), err: e}
}

package agent

import (
	"fmt"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// settle makes this process a good agent: it dies with the node even while a
// guest keeps it busy, it cannot be looked into by what it runs, and signals that
// a task sends it go nowhere.
func settle(mode string) error {
	native := mode == ModeProcess || mode == ModeContainer
	// As an ordinary parent of native tasks the agent must live on to kill them
	// when the stream ends; else its own end is theirs. A container's parent is no
	// node, but something of the engine's that comes and goes.
	if mode != ModeContainer && (!native || os.Getpid() == 1) {
		if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
			return fmt.Errorf("death signal: %w", err)
		}
	}
	if native {
		if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
			return fmt.Errorf("hiding from tasks: %w", err)
		}
	}
	var stray []os.Signal
	for n := unix.SIGHUP; n <= 64; n++ {
		switch n {
		case unix.SIGKILL, unix.SIGSTOP, unix.SIGCHLD, unix.SIGURG: // cannot be, or the Go runtime's own
		default:
			stray = append(stray, n)
		}
	}
	signal.Notify(make(chan os.Signal, 1), stray...) // never read: caught and dropped, and not inherited by tasks
	lean()
	return nil
}

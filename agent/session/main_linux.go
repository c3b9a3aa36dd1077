package session

import (
	"encoding/json"
	"errors"
	"os"
	"os/signal"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/Akilan1999/p2p-rendering-computation/agent/near"
)

// Main runs one of this package's modes, with what follows it on the command
// line, and returns the exit code.
func Main(mode string, args []string) (int, error) {
	switch mode {
	case ModeSupervise:
		return 0, supervise()
	case ModeSFTP:
		return 0, serveSFTP()
	}
	if len(args) == 0 {
		return 0, errors.New("mode " + mode + " takes its configuration")
	}
	var c Config
	if err := json.Unmarshal([]byte(args[0]), &c); err != nil {
		return 0, err
	}
	switch mode {
	case ModeHold:
		return hold(c, args[1:]), nil
	case ModeSession:
		if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
			return 0, err
		}
		deaf()
		widen(os.Stdin, os.Stdout) // the engine's
		return 0, serveBoth(c)
	}
	return 0, errors.New("unknown mode")
}

// serveBoth serves on the standard streams, whose end is this process's, and on what
// it offers to who is near.
func serveBoth(c Config) error {
	var beside sync.WaitGroup
	defer beside.Wait()
	if n, err := near.New(); err == nil { // without it the streams carry everything
		defer n.Close()
		beside.Go(func() { _ = Serve(n, c) }) // its end is a lender's that went back to the streams
	}
	return Serve(Conn{ReadCloser: os.Stdin, WriteCloser: os.Stdout}, c)
}

// deaf drops the signals that end a process. They are caught, for what is
// ignored would be ignored by the commands as well.
func deaf() {
	signal.Notify(make(chan os.Signal, 1), unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU, unix.SIGPIPE)
}

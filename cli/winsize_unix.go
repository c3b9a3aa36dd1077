//go:build unix

package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// watchSize calls changed whenever the terminal's size may be another, until ctx ends.
func watchSize(ctx context.Context, changed func()) {
	sized := make(chan os.Signal, 1)
	signal.Notify(sized, syscall.SIGWINCH)
	defer signal.Stop(sized)
	for {
		select {
		case <-sized:
			changed()
		case <-ctx.Done():
			return
		}
	}
}

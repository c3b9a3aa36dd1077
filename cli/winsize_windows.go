package cli

import (
	"context"
	"time"
)

// watchSize calls changed whenever the terminal's size may be another, until ctx
// ends: nothing tells here, so it is looked at.
func watchSize(ctx context.Context, changed func()) {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			changed()
		case <-ctx.Done():
			return
		}
	}
}

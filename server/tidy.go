package server

import (
	"context"
	"time"
)

// tidyWait is how long what closed sandboxes left is still being removed when the
// node stops; the rest waits for the next start.
const tidyWait = 2 * time.Second

// tidyAgain is when what an earlier process left is looked for once more: a container
// engine may still have been at work for it when this one started.
const tidyAgain = 15 * time.Second

// tidy removes what closed sandboxes leave on disk, beside the slots, which do not
// wait for it. It returns when stop is closed and what there was then is removed,
// or ctx has ended.
func (s *Server) tidy(ctx context.Context, stop <-chan struct{}) {
	again := time.NewTimer(tidyAgain)
	defer again.Stop()
	for {
		for name, r := range s.runtimes {
			if err := r.Tidy(ctx); err != nil && ctx.Err() == nil {
				s.log.Error("what closed sandboxes left cannot be removed", "runtime", name, "err", err)
			}
		}
		select {
		case <-s.untidy:
			continue
		default:
		}
		select {
		case <-s.untidy:
		case <-again.C:
		case <-stop:
			return
		}
	}
}

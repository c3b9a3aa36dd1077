package cli

import (
	"fmt"
	"time"

	"github.com/mattn/go-runewidth"
)

// every shows a line about long work: on a terminal redrawn in place, elsewhere
// again at most every few seconds. stop ends it, showing the last state; a text
// that is empty is not shown.
func (o *output) every(text func(last bool) string) (stop func()) {
	done, gone := make(chan struct{}), make(chan struct{})
	wait := plainEvery
	if o.errWidth > 0 {
		wait = 200 * time.Millisecond
	}
	show := func(last bool) {
		line := clean(text(last), false)
		switch {
		case o.errWidth > 0:
			end := ""
			if last && line != "" {
				end = "\n"
			}
			fmt.Fprintf(o.stderr, "\r\x1b[K%s%s", runewidth.Truncate(line, o.errWidth-1, "…"), end)
		case line != "":
			fmt.Fprintln(o.stderr, line)
		}
	}
	go func() {
		defer close(gone)
		tick := time.NewTicker(wait)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				show(false)
			case <-done:
				show(true)
				return
			}
		}
	}()
	return func() {
		close(done)
		<-gone
	}
}

package demo

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// plainEvery is how often a line is written where there is no terminal.
const plainEvery = 2 * time.Second

// progress shows a job on a terminal in place, a line per node, and elsewhere as
// a plain line now and then.
type progress struct {
	w     io.Writer
	width int
	name  func(api.PeerID) string
	drawn int // lines that stand on the terminal
	last  time.Time
}

func newProgress(w io.Writer, width int, name func(api.PeerID) string) *progress {
	return &progress{w: w, width: width, name: name, last: time.Now()}
}

func (p *progress) show(job api.Job) {
	if p.width == 0 {
		if time.Since(p.last) < plainEvery && job.Tasks.Done != job.Tasks.Total {
			return
		}
		p.last = time.Now()
		fmt.Fprintln(p.w, p.plain(job))
		return
	}
	var out strings.Builder
	if p.drawn > 0 {
		fmt.Fprintf(&out, "\x1b[%dA", p.drawn)
	}
	lines := p.lines(job)
	for _, l := range lines {
		fmt.Fprintf(&out, "\r\x1b[K%s\n", l)
	}
	p.drawn = max(p.drawn, len(lines))
	io.WriteString(p.w, out.String())
}

func (p *progress) plain(job api.Job) string {
	parts := []string{fmt.Sprintf("%d/%d frames", job.Tasks.Done, job.Tasks.Total)}
	for _, n := range job.Nodes {
		parts = append(parts, fmt.Sprintf("%s %d", p.name(n.Peer), n.Done))
	}
	return strings.Join(parts, ", ")
}

func (p *progress) lines(job api.Job) []string {
	room := min(40, max(10, p.width-40))
	lines := []string{fmt.Sprintf("%-8s %s %3d/%d%s", "all", bar(job.Tasks.Done, job.Tasks.Total, room), job.Tasks.Done, job.Tasks.Total, eta(job))}
	for _, n := range job.Nodes {
		lines = append(lines, fmt.Sprintf("%-8s %s %3d%s", p.name(n.Peer), bar(n.Done, job.Tasks.Total, room), n.Done, strings.Repeat("  *", int(min(n.Running, 8)))))
	}
	return lines
}

func eta(job api.Job) string {
	if job.ETA <= 0 || job.State.Terminal() {
		return ""
	}
	return fmt.Sprintf("  %s to go", time.Duration(job.ETA).Round(time.Second))
}

func bar(part, whole int64, room int) string {
	full := 0
	if whole > 0 {
		full = int(part * int64(room) / whole)
	}
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", room-full) + "]"
}

// done leaves what stands on the terminal.
func (p *progress) done() { p.drawn = 0 }

package cli

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/mattn/go-runewidth"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// plainEvery is how often progress is told where there is no terminal.
const plainEvery = 3 * time.Second

// screen shows a job's progress on stderr: on a terminal a block of lines that
// is redrawn in place, elsewhere a line now and then. What else is printed
// while it lives goes through Write, above the block. Safe for concurrent use.
type screen struct {
	mu    sync.Mutex
	out   *output
	drawn int       // lines of the block on the terminal now
	last  time.Time // of the last plain line
	said  string    // that line
	job   api.Job   // as last shown
	quiet bool
}

func newScreen(out *output, quiet bool) *screen {
	return &screen{out: out, last: time.Now(), quiet: quiet}
}

// Show brings the progress up to date.
func (s *screen) Show(j api.Job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.job = j
	switch {
	case s.quiet:
	case s.out.errWidth > 0:
		s.clearLocked()
		s.drawLocked()
	case time.Since(s.last) >= plainEvery:
		if line := progressLine(j); line != s.said {
			s.last, s.said = time.Now(), line
			fmt.Fprintln(s.out.stderr, line)
		}
	}
}

// Note prints a line for people above the block.
func (s *screen) Note(format string, args ...any) {
	s.above(func() { s.out.note(format, args...) })
}

// above prints while the block is out of the way.
func (s *screen) above(print func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	had := s.drawn > 0
	s.clearLocked()
	print()
	if had {
		s.drawLocked()
	}
}

// Done takes the block away.
func (s *screen) Done() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clearLocked()
}

// through is w behind the screen: the block is out of the way while it is written to.
func (s *screen) through(w io.Writer) io.Writer { return throughWriter{s, w} }

type throughWriter struct {
	s *screen
	w io.Writer
}

func (t throughWriter) Write(p []byte) (n int, err error) {
	t.s.above(func() { n, err = t.w.Write(p) })
	return n, err
}

func (s *screen) clearLocked() {
	if s.drawn > 0 {
		fmt.Fprintf(s.out.stderr, "\x1b[%dA\x1b[J", s.drawn)
		s.drawn = 0
	}
}

// maxNodeLines is how many nodes the block shows; the others are summed.
const maxNodeLines = 12

func (s *screen) drawLocked() {
	j, width := s.job, s.out.errWidth
	var lines []string
	name := 5
	for _, n := range j.Nodes {
		name = max(name, min(runewidth.StringWidth(clean(n.Name, false)), 20))
	}
	var most int64 = 1
	for _, n := range j.Nodes {
		most = max(most, n.Done+n.Failed)
	}
	for i, n := range j.Nodes {
		if i == maxNodeLines {
			lines = append(lines, fmt.Sprintf("  and %s more", plural(int64(len(j.Nodes)-i), "node")))
			break
		}
		text := fmt.Sprintf("  %s %s %d done", pad(clean(n.Name, false), name), bar(n.Done+n.Failed, most, 16, '▪'), n.Done)
		if n.Running > 0 {
			text += fmt.Sprintf(", %d running", n.Running)
		}
		if n.Failed > 0 {
			text += fmt.Sprintf(", %d failed", n.Failed)
		}
		if n.Lost > 0 {
			text += fmt.Sprintf(", %d lost", n.Lost)
		}
		if n.State != "" && n.State != "working" && n.State != "idle" {
			text += ", " + n.State
			if n.Reason != "" {
				text += ": " + n.Reason
			}
		}
		lines = append(lines, text)
	}
	t := j.Tasks
	ended := t.Done + t.Failed + t.Canceled
	lines = append(lines, fmt.Sprintf("  %s %s %s", pad("total", name), bar(ended, t.Total, 24, '█'), progressLine(j)))
	for _, l := range lines {
		fmt.Fprintln(s.out.stderr, runewidth.Truncate(clean(l, false), width-1, "…"))
	}
	s.drawn = len(lines)
}

func pad(s string, width int) string {
	s = runewidth.Truncate(s, width, "…")
	return s + strings.Repeat(" ", max(width-runewidth.StringWidth(s), 0))
}

// bar is n of total in cells.
func bar(n, total int64, cells int, full rune) string {
	k := 0
	if total > 0 {
		k = int(min(n, total) * int64(cells) / total)
	}
	return strings.Repeat(string(full), k) + strings.Repeat("·", cells-k)
}

// progressLine is a job's progress in one line.
func progressLine(j api.Job) string {
	t := j.Tasks
	line := fmt.Sprintf("%d/%d done", t.Done, t.Total)
	if t.Failed > 0 {
		line += fmt.Sprintf(", %d failed", t.Failed)
	}
	if t.Running > 0 {
		line += fmt.Sprintf(", %d running", t.Running)
	}
	if t.Running == 0 && t.Queued > 0 {
		line += fmt.Sprintf(", %d queued", t.Queued)
	}
	if j.Rate > 0 {
		line += fmt.Sprintf(", %.1f tasks/s", j.Rate)
	}
	if j.ETA > 0 {
		line += ", " + clock(time.Duration(j.ETA)) + " left"
	}
	switch {
	case j.State == api.JobPaused:
		line += ", paused"
	case t.Running+t.Queued == 0 && !j.State.Terminal() && j.Reason != "":
		line += ", waits: " + j.Reason
	}
	return line
}

package demo

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// report is what the demo says at its end.
type report struct {
	plan  plan
	job   api.Job
	wall  time.Duration
	alone time.Duration // one frame by itself
}

func (r report) write(w io.Writer) error {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "node\tframes\tbusy\t")
	var busy time.Duration
	for _, n := range r.job.Nodes {
		fmt.Fprintf(t, "%s\t%d\t%s\t\n", n.Name, n.Done, seconds(time.Duration(n.Busy)))
		busy += time.Duration(n.Busy)
	}
	fmt.Fprintf(t, "all\t%d\t%s\t\n", r.job.Tasks.Done, seconds(busy))
	if err := t.Flush(); err != nil {
		return err
	}
	oneSlot := r.alone * time.Duration(r.plan.frames)
	fmt.Fprintf(&b, "\nwall time        %s, from submitting the job to its last frame\n", seconds(r.wall))
	fmt.Fprintf(&b, "one slot         %s: one frame alone took %s, times %d\n", seconds(oneSlot), seconds(r.alone), r.plan.frames)
	fmt.Fprintf(&b, "speed-up         %.2f over one slot, with %d slots on %d nodes of this machine\n", ratio(oneSlot, r.wall), r.plan.nodes*r.plan.slots, r.plan.nodes)
	fmt.Fprintf(&b, "\nframes           %s\nanimation        %s\ncontact sheet    %s\n",
		filepath.Join(r.plan.out, "frames"), filepath.Join(r.plan.out, "animation.gif"), filepath.Join(r.plan.out, "contact-sheet.png"))
	_, err := io.WriteString(w, b.String())
	return err
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

func ratio(a, b time.Duration) float64 {
	if b <= 0 {
		return 0
	}
	return a.Seconds() / b.Seconds()
}

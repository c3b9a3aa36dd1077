package job

import (
	"fmt"
	"slices"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// mark notes that a machine was lost under a task and tells whether that was
// one machine too many.
func (s *sched) mark(id api.TaskID, n *node) bool {
	tk := &s.tasks[id]
	if slices.Contains(tk.killed[:tk.kills], n.index) {
		return false
	}
	if int(tk.kills) == len(tk.killed) {
		return true
	}
	tk.killed[tk.kills] = n.index
	tk.kills++
	return false
}

// unmark takes a mark back: the machine was not lost after all.
func (s *sched) unmark(id api.TaskID, n *node) bool {
	tk := &s.tasks[id]
	i := slices.Index(tk.killed[:tk.kills], n.index)
	if i < 0 {
		return false
	}
	tk.kills--
	tk.killed[i] = tk.killed[tk.kills]
	return true
}

// blameNode counts a failed task against the machine and sets it aside when
// that many failures in a row cannot be chance, going by how the job's tasks
// fare elsewhere.
func (s *sched) blameNode(n *node, now time.Time) {
	n.failed++
	n.failStreak++
	var elseDone, elseFailed int64
	for _, o := range s.byIdx {
		if o != n {
			elseDone += o.done
			elseFailed += o.failed
		}
	}
	if elseDone == 0 || n.aside != "" {
		return // nowhere else did any task succeed: it may well be the job
	}
	usual := float64(elseFailed+1) / float64(elseDone+elseFailed+2)
	chance := 1.0
	for range n.failStreak {
		chance *= usual
	}
	if n.failStreak >= 5 && chance < badLuck {
		s.setAside(n, fmt.Sprintf("%d tasks in a row failed on it while others succeed elsewhere", n.failStreak), now)
	}
}

// blameLoss counts an occasion, of one lost task or many, against the machine.
func (s *sched) blameLoss(n *node, reason string, now time.Time) {
	n.lossStreak++
	if n.lossStreak >= lostStreak && n.aside == "" {
		s.setAside(n, fmt.Sprintf("it lost tasks %d times in a row and ended none, the last time: %s", n.lossStreak, reason), now)
	}
}

// rest keeps tasks off a node for longer the more often in a row it gave some back.
func (n *node) rest(now time.Time) {
	pause := min(10*time.Millisecond<<min(n.lossStreak, 12), 10*time.Second)
	if until := now.Add(pause); until.After(n.notBefore) {
		n.notBefore = until
	}
}

// setAside uses a node no more for this job; what it has not begun is called back.
func (s *sched) setAside(n *node, why string, now time.Time) {
	n.aside = why
	if n.lease != nil {
		s.unqueue(n.lease, "not used for this job any more", now)
	}
	s.act(action{kind: actChanged})
}

package job

import (
	"fmt"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// checkInvariants is called after every event in tests.
func (s *sched) checkInvariants() error {
	if len(s.defects) > 0 {
		return fmt.Errorf("defects: %v", s.defects)
	}
	count := api.TaskCounts{Total: int64(len(s.tasks))}
	for i := range s.tasks {
		switch s.tasks[i].state {
		case waiting:
			count.Waiting++
		case running, recording:
			count.Running++
		case done:
			count.Done++
		case failed:
			count.Failed++
		case canceled:
			count.Canceled++
		}
	}
	if count != s.count {
		return fmt.Errorf("counts are %+v, tasks say %+v", s.count, count)
	}
	live := make(map[api.TaskID]int)
	for id, t := range s.leases {
		if t.id != id || t.node.lease != t || s.nodes[t.node.id] != t.node {
			return fmt.Errorf("%s is not its node's lease", t)
		}
		queued, over := 0, 0
		for k, a := range t.out {
			live[k.Task]++
			if a.state == attQueued {
				queued++
			}
			if a.state >= attHeld {
				over++
			}
			if !s.valid(k) {
				return fmt.Errorf("%s holds invalid %v", t, k)
			}
			if a.state == attRecording && s.tasks[k.Task].state != recording {
				return fmt.Errorf("%v is being recorded, its task is %s", k, s.tasks[k.Task].state.api())
			}
			if _, both := t.late[k]; both {
				return fmt.Errorf("%v is both out and late", k)
			}
			if t.phase == lost && a.state != attRecording && a.state != attFetching {
				return fmt.Errorf("%s is lost and holds %v", t, k)
			}
		}
		if queued != t.queued || over != t.over {
			return fmt.Errorf("%s: %d queued, %d over, counted %d and %d", t, queued, over, t.queued, t.over)
		}
		if len(t.out) > maxCredit {
			return fmt.Errorf("%s holds %d", t, len(t.out))
		}
	}
	queued := map[api.TaskID]bool{}
	for li := range s.queue.lanes {
		l := &s.queue.lanes[li]
		for _, id := range l.returned {
			queued[api.TaskID(id)] = true
		}
		for id := l.fresh; id < s.queue.n; id += int64(len(s.queue.lanes)) {
			queued[api.TaskID(id)] = true
		}
	}
	for i := range s.tasks {
		id, tk := api.TaskID(i), &s.tasks[i]
		switch {
		case int(tk.live) != live[id]:
			return fmt.Errorf("task %d counts %d attempts, %d are out", id, tk.live, live[id])
		case tk.state == waiting && !queued[id]:
			return fmt.Errorf("task %d waits and is not queued", id)
		case tk.state == running && tk.live == 0 && !s.limbo:
			return fmt.Errorf("task %d runs nowhere", id)
		case int(tk.fails) > s.plan.spec.Retry+1:
			return fmt.Errorf("task %d failed %d times, retry is %d", id, tk.fails, s.plan.spec.Retry)
		}
	}
	if !s.ended.IsZero() && s.count.Waiting+s.count.Running > 0 {
		return fmt.Errorf("the job has ended with %+v", s.count)
	}
	return nil
}

package job

import "github.com/Akilan1999/p2p-rendering-computation/api"

// queue holds a job's waiting tasks by lane. Tasks never tried are a cursor, not
// entries, so a fresh job of a million tasks has an empty queue. Every waiting
// task is in it at least once; an entry whose task does not wait is skipped when
// it comes up, so nothing is ever searched for and removed.
type queue struct {
	lanes []lane
	n     int64
}

type lane struct {
	fresh    int64   // next task never tried
	returned []int32 // tasks that came back, oldest first
}

func newQueue(lanes int, n int64) queue {
	q := queue{lanes: make([]lane, lanes), n: n}
	for i := range q.lanes {
		q.lanes[i].fresh = int64(i)
	}
	return q
}

func (q *queue) push(task api.TaskID) {
	l := &q.lanes[int64(task)%int64(len(q.lanes))]
	l.returned = append(l.returned, int32(task))
}

// searchFor bounds how many returned tasks are passed over to find one that suits.
const searchFor = 64

// pop takes the next task of a lane (or AnyLane, with one lane) for which ready
// is true. Entries for which waiting is false are dropped on the way; tasks that
// wait but are not ready for this lender stay.
func (q *queue) pop(n int, waiting, ready func(api.TaskID) bool) (api.TaskID, bool) {
	if n == NoLane {
		return 0, false
	}
	l := &q.lanes[max(n, 0)]
	for i, looked := 0, 0; i < len(l.returned) && looked < searchFor; {
		task := api.TaskID(l.returned[i])
		switch {
		case !waiting(task):
			l.remove(i)
		case ready(task):
			l.remove(i)
			return task, true
		default:
			i, looked = i+1, looked+1
		}
	}
	for passed := 0; l.fresh < q.n && passed < searchFor; {
		task := api.TaskID(l.fresh)
		l.fresh += int64(len(q.lanes))
		switch {
		case !waiting(task):
		case ready(task):
			return task, true
		default: // tried before a restart, and not for this lender now
			l.returned = append(l.returned, int32(task))
			passed++
		}
	}
	return 0, false
}

// waits tells whether a lane (or AnyLane, with one lane) has a waiting task.
func (q *queue) waits(n int, waiting func(api.TaskID) bool) bool {
	l := &q.lanes[max(n, 0)]
	for len(l.returned) > 0 {
		if waiting(api.TaskID(l.returned[0])) {
			return true
		}
		l.remove(0)
	}
	for ; l.fresh < q.n; l.fresh += int64(len(q.lanes)) {
		if waiting(api.TaskID(l.fresh)) {
			return true
		}
	}
	return false
}

func (l *lane) remove(i int) {
	if i == 0 {
		l.returned = l.returned[1:]
		return
	}
	l.returned = append(l.returned[:i], l.returned[i+1:]...)
}

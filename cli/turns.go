package cli

import (
	"fmt"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// turns tells a single task's user where it is: only when that is not plain
// progress, that is when a node was lost or took itself back.
type turns struct {
	note   func(format string, args ...any)
	told   string    // the last thing said of waiting or standing still
	moved  bool      // it has to run again: where is news
	given  bool      // a node had it
	since  time.Time // when it began to wait again, or the last time a node had it
	places map[api.PeerID]string
}

// waitsFor is how long a task that lost its node waits before the reason is told.
const waitsFor = 2 * time.Second

func (t *turns) task(e api.Task) {
	if e.State != api.TaskWaiting || e.Cause != api.CauseLost && e.Cause != api.CauseWithdrawn {
		return
	}
	t.moved, t.since = true, time.Now()
	t.note("%s; looking for a node to run it again", lossWords(e, t.name(e.Peer)))
}

// lossWords says what ended an attempt that was not the task's fault.
func lossWords(e api.Task, peer string) string {
	if e.Cause == api.CauseWithdrawn {
		return fmt.Sprintf("the owner of %s withdrew the task%s", peer, because(e.Error))
	}
	return fmt.Sprintf("%s was lost%s", peer, because(e.Error))
}

func (t *turns) job(j api.Job) {
	for _, n := range j.Nodes {
		t.places[n.Peer] = n.Name
		switch {
		case n.State == "withdrawn" && n.Running > 0:
			if t.say(fmt.Sprintf("the task stands still on %s%s; looking for a node to run it again", n.Name, because(n.Reason))) {
				t.moved, t.since = true, time.Now()
			}
		case t.moved && n.Running > 0:
			t.moved = false
			t.note("it runs again on %s, from its beginning", n.Name)
		}
	}
	switch {
	case j.Tasks.Queued+j.Tasks.Running > 0:
		t.given, t.since = true, time.Now()
	case t.given && j.Tasks.Waiting > 0 && j.Reason != "" && time.Since(t.since) > waitsFor:
		t.say(j.Reason)
	}
}

// say notes something new, and tells whether it was.
func (t *turns) say(what string) bool {
	if t.told == what {
		return false
	}
	t.told = what
	t.note("%s", what)
	return true
}

func (t *turns) name(id api.PeerID) string { return or(t.places[id], id.Short()) }

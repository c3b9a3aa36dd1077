package cli

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// A single task's user hears when it is taken from a node, what it waits for,
// and where it runs again; each once.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []string
		tr := turns{note: func(format string, args ...any) { got = append(got, fmt.Sprintf(format, args...)) }, places: map[api.PeerID]string{}}
		job := func(waiting int64, reason string, nodes ...api.NodeProgress) {
			for range 2 { // states come again and again
				tr.job(api.Job{State: api.JobRunning, Reason: reason, Tasks: api.TaskCounts{Total: 1, Waiting: waiting, Running: 1 - waiting}, Nodes: nodes})
			}
		}
		on := func(name string, running int64, state, reason string) api.NodeProgress {
			return api.NodeProgress{Peer: api.PeerID(name + "-id"), Name: name, Running: running, State: state, Reason: reason}
		}
		job(1, "no node can run it: 1: new here")
		time.Sleep(waitsFor + 1)
		job(1, "no node can run it: 1: new here") // of a task that nobody had guardNobody tells
		job(0, "", on("bob", 1, "working", ""))
		tr.task(api.Task{State: api.TaskWaiting, Peer: "bob-id", Cause: api.CauseWithdrawn, Error: "killed by the owner: mine"})
		job(1, "no node can run it: 1: full", on("bob", 0, "idle", ""))
		time.Sleep(waitsFor + 1)
		job(1, "no node can run it: 1: full", on("bob", 0, "idle", ""))
		job(0, "", on("bob", 0, "idle", ""), on("cyd", 1, "working", ""))
		job(0, "", on("cyd", 1, "withdrawn", "paused by the owner"))
		job(0, "", on("cyd", 1, "withdrawn", "paused by the owner"), on("bob", 1, "working", ""))
		tr.task(api.Task{State: api.TaskWaiting, Peer: "bob-id", Cause: api.CauseLost, Error: "the lender does not answer"})
		tr.task(api.Task{State: api.TaskDone, Peer: "cyd-id"})
		want := []string{
			"the owner of bob withdrew the task: killed by the owner: mine; looking for a node to run it again",
			"no node can run it: 1: full",
			"it runs again on cyd, from its beginning",
			"the task stands still on cyd: paused by the owner; looking for a node to run it again",
			"it runs again on bob, from its beginning",
			"bob was lost: the lender does not answer; looking for a node to run it again",
		}
		if !slices.Equal(got, want) {
			t.Errorf("told\n%q\nwant\n%q", got, want)
		}
	})
}

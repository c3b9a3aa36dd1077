//go:build unix

package multi

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
)

// owned are the sandboxes for which a node has something on the engine, sorted.
func owned(t *testing.T, c *client.Client, node api.PeerID) []string {
	t.Helper()
	got, err := c.ContainerList(context.Background(), client.ContainerListOptions{All: true, Filters: make(client.Filters).Add("label", "p2prc.node="+string(node))})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, s := range got.Items {
		ids = append(ids, s.Labels["p2prc.sandbox"])
	}
	slices.Sort(ids)
	return ids
}

// spent is what a node's ledger says of jobs and containers, in processor seconds.
func spent(t *testing.T, n *node) map[api.JobID]float64 {
	t.Helper()
	rows, err := n.api.Usage(context.Background(), []string{"job"}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	by := map[api.JobID]float64{}
	for _, r := range rows {
		by[r.Job] = r.CPUSeconds
	}
	return by
}

// A lender is killed with three containers and a job under way: the containers are
// there afterwards with all they have used, each task has one result, and the
// engine has nothing that lend ls does not show.
func TestLenderKilledWithContainersAndAJob(t *testing.T) {
	c := engine(t)
	all := pool(t, "a", "b")
	a, b := all[0], all[1]
	b.ok("lend", "limits", "--cpus", "2")
	for _, name := range []string{"one", "two", "three"} {
		a.ok("container", "create", "b", "--image", busybox, "--name", name, "--cpus", "0.2", "--",
			"sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; exec sleep 1000")
	}
	b.eventually(30*time.Second, "have charged every container", func(context.Context) error {
		by := spent(t, b)
		for _, s := range sandboxes(t, b) {
			if s.Task < 0 && s.JobName != "" && by[s.Job] == 0 {
				return fmt.Errorf("%s has used nothing", s.JobName)
			}
		}
		return nil
	})
	tasks := ring.Size(30, 200)
	id := a.echoes(tasks, `sleep 0.2; echo "$1"`, b.id())
	a.waitJob(id, time.Minute, func(j api.Job) bool { return j.Tasks.Done > 0 })
	before := spent(t, b)
	if j, err := a.api.Job(t.Context(), id); err != nil || j.State.Terminal() {
		t.Fatalf("the job was over before the lender was killed: %+v, %v", j.Job, err)
	}
	b.kill()
	b.up()
	a.checkEchoes(id, tasks)
	b.eventually(30*time.Second, "have three containers and nothing else", func(context.Context) error {
		var shown []string
		for _, s := range sandboxes(t, b) {
			shown = append(shown, string(s.ID))
			if s.State != "running" {
				return fmt.Errorf("%s is %s", s.JobName, s.State)
			}
			// Until the node has asked the engine it shows what it had written down.
			if used := time.Duration(s.CPUTime).Seconds(); used < before[s.Job] {
				return fmt.Errorf("%s has used %.6f s, and had been charged %.6f s before", s.JobName, used, before[s.Job])
			}
		}
		slices.Sort(shown)
		if there := owned(t, c, b.id()); len(there) != 3 || !slices.Equal(there, shown) {
			return fmt.Errorf("lend ls shows %v, the engine has %v", shown, there)
		}
		return nil
	})
	for job, used := range spent(t, b) {
		if used < before[job] {
			t.Errorf("the ledger says %.3f s of %s, and said %.3f s", used, job, before[job])
		}
	}
	a.ok("container", "rm", "one", "two", "three")
	if left := owned(t, c, b.id()); len(left) > 0 {
		t.Errorf("%v are left", left)
	}
}

package node

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/config"
	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
)

// lendingProcesses are options of a node with the real runtimes, whose owner
// lends bare processes to everybody.
func lendingProcesses(t *testing.T, name string) Options {
	t.Helper()
	opts := options(t, name)
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	opts.runtimes, opts.Agent = nil, []string{program, "agent"}
	f, err := config.Open(opts.Home, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = f.Update(func(c *config.Config) error {
		c.Lend.Limits.Runtimes = []api.RuntimeName{api.RuntimeWasm, api.RuntimeProcess}
		c.Lend.Policy = []api.Rule{{Subject: "*", Action: "run", Resource: "*", Allow: true}}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return opts
}

// The column of the matrix for a task: from inside a sandbox there is no door.
func TestMatrixTask(t *testing.T) {
	n, _ := start(t, lendingProcesses(t, "anna"))
	c := client(t, n)
	waitFor(t, n, "the runtimes to be probed", func() bool { return len(n.server.Status().Runtimes) == 3 })
	lend, err := c.Lend(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(lend.Runtimes, func(r api.RuntimeInfo) bool { return r.Name == api.RuntimeProcess })
	if i < 0 || !lend.Runtimes[i].Available || strings.HasPrefix(lend.Runtimes[i].Isolation, "none") {
		ring.Need(t, "isolation", fmt.Sprintf("bare processes cannot be isolated here: %+v", lend.Runtimes))
	}
	script := fmt.Sprintf(`
		for f in %[1]s %[2]s; do [ -e "$f" ] && echo "REACHED $f"; done
		ls %[3]s 2>/dev/null | sed 's/^/REACHED home: /'
		for a in %[4]s; do (exec 3<>/dev/tcp/$a) 2>/dev/null && echo "REACHED $a"; done
		find / -xdev -name '*.sock' 2>/dev/null | sed 's/^/REACHED /'
		echo tried`, n.Socket(), filepath.Join(n.home.dir, "identity.key"), n.home.dir, tcpTargets(n))
	job, err := c.SubmitJob(t.Context(), api.JobSpec{Runtime: api.RuntimeProcess, Command: []string{"bash", "-c", script}, Needs: api.Resources{CPU: 0.5, Memory: 128 << 20}})
	if err != nil {
		t.Fatal(err)
	}
	end := watch(t, c, job.ID)
	for _, task := range results(t, c, job.ID) {
		var out string
		if task.Stdout != nil {
			out = string(task.Stdout.Inline)
		}
		if end.State != api.JobDone || !strings.Contains(out, "tried") || strings.Contains(out, "REACHED") {
			t.Errorf("job %s, task %+v said:\n%s", end.State, task, out)
		}
	}
	for name, row := range readMatrix(t) {
		if row[len(row)-1] != noDoor {
			t.Errorf("%s is open to tasks in the table, and no task found a door", name)
		}
	}
}

// tcpTargets are the node's TCP addresses as bash has them.
func tcpTargets(n *Node) string {
	var out []string
	for _, a := range n.net.Addrs() {
		parts := strings.Split(a, "/")
		if len(parts) > 4 && parts[1] == "ip4" && parts[3] == "tcp" {
			out = append(out, parts[2]+"/"+parts[4])
		}
	}
	return strings.Join(out, " ")
}

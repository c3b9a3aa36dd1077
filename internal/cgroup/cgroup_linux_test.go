package cgroup

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
)

const hybrid = `25 20 0:20 / /sys/fs/cgroup rw - tmpfs tmpfs rw
30 25 0:25 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
31 25 0:26 /outer /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
32 25 0:27 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
`

func TestParse(t *testing.T) {
	mounts := parseMounts(hybrid)
	if len(mounts) != 3 || mounts[0].at != "/sys/fs/cgroup/cpu,cpuacct" || mounts[0].unified || !mounts[2].unified || mounts[1].root != "/outer" {
		t.Fatalf("%+v", mounts)
	}
	own := parseOwn("4:memory:/outer/inner\n2:cpu,cpuacct:/a\n0::/user.slice\nnonsense\n")
	if own["memory"] != "/outer/inner" || own["cpuacct"] != "/a" || own[""] != "/user.slice" {
		t.Fatalf("%v", own)
	}
	if d, ok := mounts[1].dir(own["memory"]); d != "/sys/fs/cgroup/memory/inner" || !ok {
		t.Errorf("%s %v", d, ok)
	}
	if _, ok := mounts[1].dir("/elsewhere"); ok {
		t.Error("a group that the mount does not show")
	}
	if field("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n", "oom_kill") != 3 || field("x", "oom_kill") != 0 {
		t.Error("flat file")
	}
}

// TestUnifiedFiles: what is written where in version 2, on plain folders.
func TestUnifiedFiles(t *testing.T) {
	dir := t.TempDir()
	m := &Manager{prefix: "p", unified: true, dirs: map[Controller]string{CPU: dir, CPUAcct: dir, Memory: dir, Pids: dir, Freezer: dir}}
	g, err := m.New("g", Limits{CPU: 1.5, Memory: 1 << 20, Procs: 7})
	if err != nil {
		t.Fatal(err)
	}
	put := func(name, content string) {
		if err := os.WriteFile(filepath.Join(dir, "p-g", name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{"cpu.max": "150000 100000", "memory.max": "1048576", "memory.swap.max": "0", "pids.max": "7"} {
		if b, err := os.ReadFile(filepath.Join(dir, "p-g", name)); err != nil || string(b) != want {
			t.Errorf("%s: %q %v", name, b, err)
		}
	}
	put("cpu.stat", "usage_usec 2500\nuser_usec 1\n")
	put("memory.stat", "anon 100\nfile 5000\nshmem 20\n")
	put("memory.events", "low 0\noom 1\noom_kill 2\n")
	put("pids.current", "4\n")
	put("pids.events", "max 9\n")
	if s := g.Stat(); s != (Stat{CPU: 2500 * time.Microsecond, Memory: 120, Procs: 4}) {
		t.Errorf("%+v", s)
	}
	if oom, forks := g.Events(); oom != 2 || forks != 9 {
		t.Errorf("%d %d", oom, forks)
	}
	put("cgroup.events", "populated 1\nfrozen 1\n")
	if err := g.Freeze(20 * time.Second); err != nil {
		t.Error(err)
	}
	if err := g.Thaw(); err == nil {
		t.Error("it is said to be thawed while the file says frozen")
	}
}

// TestGroup is a real group with a real process, as far as this machine lets us.
func TestGroup(t *testing.T) {
	m := Find("p2prc-test-" + strings.ToLower(t.Name()))
	why := ""
	if !m.Has(Freezer) || !m.Has(Pids) || !m.Has(Memory) {
		why = strings.Join(m.Missing(), "; ")
	}
	ring.Need(t, "isolation", why)
	g, err := m.New("g", Limits{Memory: 64 << 20, Procs: 20, CPU: 0.5})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", "while :; do :; done")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := g.Add(cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	works := func() bool {
		before := g.CPUTime()
		for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); {
			if g.CPUTime() > before+10*time.Millisecond {
				return true
			}
		}
		return false
	}
	if !works() {
		t.Fatal("it does not work")
	}
	if err := g.Freeze(20 * time.Second); err != nil {
		t.Fatal(err)
	}
	before := g.CPUTime()
	<-time.After(100 * time.Millisecond) // that nothing happens is the point
	if used := g.CPUTime() - before; used > 5*time.Millisecond {
		t.Errorf("it used %v while it was frozen", used)
	}
	if err := g.Thaw(); err != nil || !works() {
		t.Errorf("it does not go on: %v", err)
	}
	if s := g.Stat(); s.Procs != 1 || s.CPU <= 0 {
		t.Errorf("%+v", s)
	}
	if err := g.Freeze(20 * time.Second); err != nil { // a frozen group can be removed with all in it
		t.Fatal(err)
	}
	removed := make(chan error, 1)
	go func() { removed <- m.Sweep() }() // the process is ours to reap meanwhile
	err = cmd.Wait()
	if ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || ws.Signal() != syscall.SIGKILL {
		t.Errorf("it ended with %v", err)
	}
	if err := <-removed; err != nil {
		t.Error(err)
	}
	for _, d := range m.folders() {
		if left, err := filepath.Glob(filepath.Join(d, m.prefix+"-*")); err != nil || len(left) > 0 {
			t.Errorf("left: %v %v", left, err)
		}
	}
}

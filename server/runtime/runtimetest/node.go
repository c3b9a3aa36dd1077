package runtimetest

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/internal/proctree"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
)

// The id of the sandbox that Node opens.
const nodeBox = "01NODE"

// Node is a node in a process of its own, to be killed: it opens a sandbox, lets
// the guest spin there, and prints "ready".
func Node(rt runtime.Runtime, wasm bool, guest string) error {
	s := &suite{Target: Target{Wasm: wasm}, guest: guest}
	spec := runtime.Spec{ID: nodeBox}
	if wasm {
		spec.Module = guest
	}
	sb, err := rt.Open(context.Background(), spec)
	if err != nil {
		return err
	}
	say := &onFirstWrite{f: func() { fmt.Println("ready") }}
	_, err = sb.Exec(context.Background(), s.command("spin", "begun"), runtime.Streams{Stdout: say})
	return err
}

// nodeKilled: with kill -9 of the node its guests end, whatever they do, and the
// next node removes what is left on disk.
func (s *suite) nodeKilled(t *testing.T) {
	dir := t.TempDir()
	argv := append(s.Node(dir), s.guest)
	ctx, cancel := context.WithTimeout(t.Context(), 3*within)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the node said %q %v", line, err)
	}
	marks, err := filepath.Glob(filepath.Join(dir, "*", nodeBox, "agent"))
	if err != nil || len(marks) != 1 {
		t.Fatalf("no mark of the agent: %v %v", marks, err)
	}
	b, err := os.ReadFile(marks[0])
	if err != nil {
		t.Fatal(err)
	}
	num, identity, _ := strings.Cut(string(b), " ")
	agent, err := strconv.Atoi(num)
	if err != nil || identity == "" || proctree.Identity(agent) != identity {
		t.Fatalf("the mark says %q %v", b, err)
	}
	guests, err := proctree.Descendants(agent)
	if err != nil {
		t.Fatal(err)
	}
	alive := map[int]string{agent: identity}
	for _, pid := range guests {
		alive[pid] = proctree.Identity(pid)
	}
	if !s.Wasm && len(alive) < 2 {
		t.Fatal("no guest is there to end")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed, as asked
	eventually(t, "agent and guest end with their node", 5*time.Second, func() bool {
		for pid, id := range alive {
			if id != "" && proctree.Identity(pid) == id {
				return false
			}
		}
		return true
	})
	if _, err := s.New(t, dir).Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !gone(filepath.Dir(marks[0])) {
		t.Errorf("%s is still there", filepath.Dir(marks[0]))
	}
}

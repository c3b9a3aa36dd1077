//go:build unix

package multi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
)

// session is p2prc ssh, in a command that ends with exit code 7 when its input ends.
type session struct {
	n   *node
	cmd *exec.Cmd
	in  io.Closer
}

func (n *node) ssh(to string) *session {
	n.t.Helper()
	cmd := exec.Command(binary, "ssh", to, "--", "echo ready; cat > /dev/null; exit 7")
	cmd.Env, cmd.Stderr = n.env(), n.log
	in, err := cmd.StdinPipe()
	if err != nil {
		n.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		n.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, len("ready\n"))); err != nil {
		n.t.Fatal(errors.Join(err, cmd.Wait()))
	}
	return &session{n, cmd, in}
}

// ends is the exit code, which comes within 5 s.
func (s *session) ends() int {
	s.n.t.Helper()
	late := time.AfterFunc(5*time.Second, func() { _ = s.cmd.Process.Kill() }) // -1 is no exit code of ours
	defer late.Stop()
	_ = s.cmd.Wait() // the code is what counts
	return s.cmd.ProcessState.ExitCode()
}

// A shell in a sandbox of a member's own programs: refused until the owner says
// otherwise, seen and ended by him, and gone with its last session.
func TestShell(t *testing.T) {
	ring.Need(t, "isolation", ring.Probe()["isolation"])
	all := pool(t, "a", "b", "c")
	a, b, c := all[0], all[1], all[2]
	refused := func(why string) {
		t.Helper()
		if out, errs, code := a.cmd("ssh", "b", "true"); code != 125 || !strings.Contains(errs, "b: "+why) {
			t.Errorf("exit %d, %q, want %q", code, out+errs, why)
		}
	}
	refused("this node does not lend its own programs")
	b.ok("lend", "limits", "--runtimes", "wasm,process")
	b.ok("lend", "policy", "allow", "a", "process") // which is another right
	refused("the owner's policy does not let you have a shell here")
	b.ok("lend", "policy", "allow", "a", "shell")

	if out, errs, code := a.cmd("ssh", "b", "--", "id -un; pwd; echo oops >&2; exit 3"); code != 3 || out != "task\n/work/task\n" || errs != "oops\n" {
		t.Errorf("exit %d, %q, %q", code, out, errs)
	}
	if out := a.ok("ssh", "-t", "b", "--", "test -t 0 && test -t 1 && stty size"); strings.TrimSpace(out) != "24 80" {
		t.Errorf("terminal: %q", out)
	}
	if out, _, code := a.cmd("ssh", "root@b", "id"); code != 125 {
		t.Errorf("somebody else's: exit %d, %q", code, out)
	}
	gone := func() {
		t.Helper()
		b.eventually(5*time.Second, "be rid of the sandbox", func(context.Context) error {
			left, err := filepath.Glob(filepath.Join(b.home, "sandboxes", "process", "*", "*"))
			if boxes := sandboxes(t, b); len(boxes) > 0 || len(left) > 0 {
				return fmt.Errorf("%+v, %v", boxes, left)
			}
			return err
		})
	}
	gone()

	first := a.ssh("b")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("content"), 0o640); err != nil {
		t.Fatal(err)
	}
	a.ok("container", "cp", file, "b:file")
	if out := a.ok("ssh", "b", "cat", "file"); out != "content" {
		t.Errorf("the second session: %q", out)
	}
	boxes := sandboxes(t, b)
	if len(boxes) != 1 || boxes[0].Runtime != api.RuntimeProcess || boxes[0].Borrower != a.id() || boxes[0].State != "running" {
		t.Fatalf("%+v", boxes)
	}
	b.ok("lend", "pause")
	if boxes := sandboxes(t, b); len(boxes) != 1 || boxes[0].State != "paused" {
		t.Errorf("%+v", boxes)
	}
	refused("the sandbox is paused by its lender's owner")
	b.ok("lend", "resume")
	if err := first.in.Close(); err != nil {
		t.Fatal(err)
	}
	if code := first.ends(); code != 7 {
		t.Errorf("the first session ended with %d", code)
	}
	gone()

	for _, end := range []func(){
		func() { b.ok("lend", "kill", string(sandboxes(t, b)[0].ID)) },
		func() { b.ok("lend", "policy", "rm", "1") },
	} {
		s := a.ssh("b")
		end()
		if code := s.ends(); code != 125 {
			t.Errorf("the session ended with %d", code)
		}
		gone()
	}
	refused("the owner's policy does not let you have a shell here")

	b.ok("lend", "policy", "allow", "c", "shell")
	s := c.ssh("b")
	a.ok("members", "revoke", "c")
	if code := s.ends(); code != 125 {
		t.Errorf("a revoked member's session ended with %d", code)
	}
	gone()
}

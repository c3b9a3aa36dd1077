//go:build linux

package nat

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"golang.org/x/sys/unix"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/localimage"
	"github.com/Akilan1999/p2p-rendering-computation/internal/netlab"
	"github.com/Akilan1999/p2p-rendering-computation/internal/ring"
)

const image = "p2prc-test/nat:latest"

var size = regexp.MustCompile(`^\d+ \d+$`)

// terminal is a pair of a terminal's ends: what is typed at the first arrives at
// the second.
func terminal(t *testing.T) (typed, seen *os.File) {
	t.Helper()
	typed, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { typed.Close() })
	n := 0
	control(t, typed, func(fd int) (err error) {
		if n, err = unix.IoctlGetInt(fd, unix.TIOCGPTN); err != nil {
			return err
		}
		return unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	})
	if seen, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	return typed, seen
}

func resize(t *testing.T, tty *os.File, rows, cols uint16) {
	t.Helper()
	control(t, tty, func(fd int) error {
		return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: cols})
	})
}

// control leaves f one whose reads have deadlines, which f.Fd would not.
func control(t *testing.T, f *os.File, do func(fd int) error) {
	t.Helper()
	c, err := f.SyscallConn()
	if err == nil {
		var derr error
		err = c.Control(func(fd uintptr) { derr = do(int(fd)) })
		err = errors.Join(err, derr)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A container on a machine that only a relay reaches: made, entered by a terminal,
// copied to and from, looked at, reached at its port, and gone.
func TestContainerOverARelay(t *testing.T) {
	ring.Need(t, "docker", ring.Docker())
	engine, err := client.New(client.FromEnv)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { engine.Close() })
	files, err := localimage.Busybox()
	if err != nil {
		t.Fatal(err)
	}
	if err := localimage.Make(t.Context(), engine, image, nil, append(files, localimage.File{Path: "bin/stty", Target: "busybox"})...); err != nil {
		t.Fatal(err)
	}
	n := newInternet(t)
	relay := n.server("relay")
	a, b := n.home("s", netlab.Symmetric).machine("sven"), n.home("t", netlab.Symmetric).machine("tina")
	relay.Up()
	join(t, relay, a, b)
	places(a, b, 1)

	cmd := a.Command("container", "create", "tina", "--image", image, "--name", "box", "--cpus", "0.5", "--publish", "8000", "--", "sh", "-c", "echo main; exec sleep 1000")
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "from here: p2prc forward box 8000\n") {
		t.Fatalf("create: %v: %s", err, out)
	}
	if p, err := a.API.Peer(t.Context(), "tina"); err != nil || p.Path != api.PathRelayed {
		t.Fatalf("the path is no relay's: %+v, %v", p, err)
	}

	typed, seen := terminal(t)
	resize(t, typed, 33, 101)
	exec := a.Command("container", "exec", "-it", "box", "sh")
	exec.Stdin, exec.Stdout, exec.Stderr = seen, seen, seen
	exec.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := exec.Start(); err != nil {
		t.Fatal(err)
	}
	seen.Close()
	if err := typed.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	screen := bufio.NewScanner(typed)
	shows := func(want string) {
		t.Helper()
		for got := ""; got != want; {
			if _, err := typed.WriteString("stty size\n"); err != nil {
				t.Fatal(err)
			}
			for got = ""; !size.MatchString(got); got = screen.Text() {
				if !screen.Scan() {
					t.Fatalf("no size on the screen: %v", screen.Err())
				}
			}
		}
	}
	shows("33 101")
	resize(t, typed, 44, 120)
	shows("44 120")
	if _, err := typed.WriteString("exit 7\n"); err != nil {
		t.Fatal(err)
	}
	if err := exec.Wait(); exec.ProcessState.ExitCode() != 7 {
		t.Errorf("the shell ended with %v", err)
	}

	sent := make([]byte, 3<<20)
	if _, err := rand.Read(sent); err != nil {
		t.Fatal(err)
	}
	file, back := filepath.Join(t.TempDir(), "sent"), filepath.Join(t.TempDir(), "back")
	if err := os.WriteFile(file, sent, 0o600); err != nil {
		t.Fatal(err)
	}
	a.OK("container", "cp", "-u", "root", file, "box:/sent")
	a.OK("container", "cp", "-u", "root", "box:/sent", back)
	if got, err := os.ReadFile(back); err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%d bytes came back of %d, %v", len(got), len(sent), err)
	}
	if out, err := a.Command("container", "cp", file, "box:/nosuch/sent").CombinedOutput(); err == nil || !strings.Contains(string(out), "there is no /nosuch in the container") {
		t.Errorf("copy into a folder that is not there: %v: %s", err, out)
	}
	if out := a.OK("container", "stats", "box"); !strings.Contains(out, "of 0.5") {
		t.Errorf("stats: %s", out)
	}
	if out := a.OK("container", "logs", "box"); out != "main" {
		t.Errorf("logs: %s", out)
	}
	a.OK("container", "rm", "box")
	st, err := b.API.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	left, err := engine.ContainerList(t.Context(), client.ContainerListOptions{All: true, Filters: make(client.Filters).Add("label", "p2prc.node="+string(st.ID))})
	if err != nil || len(left.Items) > 0 {
		t.Errorf("%d containers are left, %v", len(left.Items), err)
	}
}

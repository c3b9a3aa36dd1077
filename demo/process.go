package demo

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	tempPrefix = "p2prc-demo-"
	stopWithin = 8 * time.Second // before a node that was asked to stop is killed
	keptWords  = 4 << 10
)

// process is a running "p2prc up".
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	said tail
}

// start starts a node with the home as its folder, in a process group of its own.
func start(home, program string) (*process, error) {
	p := &process{cmd: exec.Command(program, "up"), done: make(chan struct{})}
	p.cmd.Dir = home
	p.cmd.Env = environment(os.Environ(), home)
	p.cmd.Stdout, p.cmd.Stderr = &p.said, &p.said
	apart(p.cmd)
	started := make(chan error, 1)
	go func() {
		defer close(p.done)
		// Where a child ends with its parent, it ends with the thread that
		// started it: this one stays until then.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			// How it ended is told by what it said, and seen by who waits.
			if err := p.cmd.Wait(); err != nil {
				p.said.note(err.Error())
			}
		}
	}()
	return p, <-started
}

// environment is ours without what is set for our own node.
func environment(have []string, home string) []string {
	var env []string
	for _, v := range have {
		if name, _, _ := strings.Cut(v, "="); name != "P2PRC" && !strings.HasPrefix(name, "P2PRC_") {
			env = append(env, v)
		}
	}
	return append(env, "P2PRC="+home)
}

// stop asks the process to end, and kills its group when it does not.
func (p *process) stop() {
	ask(p.cmd.Process)
	timer := time.NewTimer(stopWithin)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
	}
	// Even one that has ended may have left something in its group.
	killGroup(p.cmd.Process)
	<-p.done
}

func (p *process) lastWords() string { return p.said.last() }

// tail keeps the end of what was written to it.
type tail struct {
	mu  sync.Mutex // guards buf
	buf []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, b...)
	if over := len(t.buf) - keptWords; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(b), nil
}

func (t *tail) note(s string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, "\n"+s...)
}

// last is the last few lines.
func (t *tail) last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := bytes.Split(bytes.TrimSpace(t.buf), []byte{'\n'})
	return string(bytes.Join(lines[max(0, len(lines)-3):], []byte(" | ")))
}

// sweep removes the folders of earlier runs that were killed before they could.
func sweep() {
	dirs, err := filepath.Glob(filepath.Join(os.TempDir(), tempPrefix+"*"))
	if err != nil {
		return // the pattern is ours
	}
	for _, dir := range dirs {
		digits, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), tempPrefix), "-")
		if pid, err := strconv.Atoi(digits); err == nil && pid > 0 && gone(pid) {
			os.RemoveAll(dir) // another user's is none of ours, and cannot be removed
		}
	}
}

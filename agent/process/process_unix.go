//go:build unix

package process

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/agent/task"
	"github.com/Akilan1999/p2p-rendering-computation/internal/cgroup"
)

func executable(info fs.FileInfo) bool { return info.Mode()&0o111 != 0 }

// Executor runs programs. It is not safe for concurrent use.
type Executor struct {
	family  family
	null    *os.File
	scratch scratch
	env     []string
	group   *cgroup.Group
	buf     []byte
	peak    int64 // bytes this process had resident at most, when last asked
}

var _ task.Executor = (*Executor)(nil)

// New makes this process ready to execute: it becomes the parent of every orphan
// below it where the system can do that.
func New(cfg Config) (*Executor, error) {
	f, err := newFamily()
	if err != nil {
		return nil, err
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	s, err := openScratch(cfg.Scratch)
	if err != nil {
		return nil, err
	}
	return &Executor{family: f, null: null, scratch: s, env: cfg.Env, group: cfg.Group, buf: make([]byte, copySize)}, nil
}

// Inline implements task.Executor.
func (e *Executor) Inline() bool { return false }

// Exec implements task.Executor.
func (e *Executor) Exec(ctx context.Context, t *task.Task) (task.End, error) {
	dir := filepath.Join(t.Dir, filepath.FromSlash(t.Cwd))
	env := environment(t, e.env, dir, e.scratch.tmp())
	prog, end := find(t.Args[0], dir, lookup(env, "PATH"))
	if end.Code != 0 {
		return end, nil
	}
	p, err := openPipes(t, e.null)
	if err != nil {
		return end, err
	}
	g := e.guard(t)
	pid, err := syscall.ForkExec(prog, t.Args, &syscall.ProcAttr{Dir: dir, Env: env, Files: p.child(), Sys: &syscall.SysProcAttr{Setsid: true}})
	p.closeChild()
	if err != nil {
		p.closeAll()
		return cannotStart(t.Args[0], err)
	}
	killed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { e.family.kill(pid); close(killed) })
	if t.Stdin != nil || !endsSoon(pid) {
		g.start(pid)
		printed := p.copy(t)
		// Most tasks end, and with them their streams, before it is worth a thread
		// that is blocked until they do.
		select {
		case <-printed:
		case <-time.After(blockAfter):
		}
	}
	end, err = e.wait(pid)
	g.stop(&end)
	if !stop() {
		<-killed // or it would find the next task's processes
	}
	p.finish(t, e.buf)
	return end, errors.Join(err, e.scratch.empty())
}

// blockAfter is how long a task runs before a thread is given to waiting for it.
const blockAfter = 10 * time.Millisecond

// cannotStart sorts the task's fault (a broken program) from the machine's.
func cannotStart(name string, err error) (task.End, error) {
	switch {
	case errors.Is(err, syscall.ENOENT): // an interpreter that is not there: the file itself was found
		return task.End{Code: codeNotFound, Msg: "cannot execute " + name + ": its interpreter is missing"}, nil
	case errors.Is(err, syscall.ENOEXEC), errors.Is(err, syscall.EACCES), errors.Is(err, syscall.E2BIG),
		errors.Is(err, syscall.ELOOP), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EINVAL):
		return task.End{Code: codeNotExecutable, Msg: "cannot execute " + name + ": " + err.Error()}, nil
	}
	return task.End{}, err
}

// wait reaps until the main process ended, then kills and reaps all the rest.
func (e *Executor) wait(pid int) (task.End, error) {
	var end task.End
	note := func(ru *syscall.Rusage) {
		end.CPU += time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
		if m := maxRSS(ru); m > end.MaxMemory && e.exceeds(m) {
			end.MaxMemory = m
		}
	}
	status, err := e.family.waitMain(pid, note)
	if err == nil {
		err = e.family.killRest(pid, note)
	}
	switch {
	case status.Signaled():
		end.Code, end.Signal = 128+int(status.Signal()), status.Signal().String()
	default:
		end.Code = status.ExitStatus()
	}
	return end, err
}

// exceeds says whether a child's peak is more than this process had in it before
// the child's program began: between fork and exec the two share their memory.
func (e *Executor) exceeds(peak int64) bool {
	if peak > e.peak { // it may have grown since
		e.peak = ownPeak()
	}
	return peak > e.peak
}

func selfPeak() int64 {
	var ru syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &ru) != nil {
		return 0
	}
	return maxRSS(&ru)
}

const copySize = 32 << 10

// drain copies by buf until either side ends; with the stream to the node gone the task
// is about to be killed, so what cannot be written is swallowed.
func drain(w io.Writer, r io.Reader, buf []byte) {
	for {
		n, err := r.Read(buf)
		if n > 0 && w != nil {
			if _, err := w.Write(buf[:n]); err != nil {
				w = nil
			}
		}
		if err != nil || w == nil && n == 0 {
			return
		}
	}
}

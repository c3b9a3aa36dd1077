package process

import (
	"errors"
	"io/fs"
	"os"
	"sync"
	"syscall"

	"github.com/Akilan1999/p2p-rendering-computation/agent/task"
)

// Program is what Supervise runs.
type Program struct {
	Args  []string
	Env   []string // all of it
	Dir   string   // absolute
	Files []uintptr
	TTY   bool                // Files[0] is a terminal that the program is to control
	User  *syscall.Credential // nil: this process's own
	Leave bool                // what it leaves behind when it ends by itself lives on
}

// Supervise runs one program, as this process's only business, and returns when
// it and everything it started is dead: the rest is killed when the program
// ends, but for what it may leave, and all of it once kill is closed. started is told
// the program's group. How it ended is in the End; the error is the machine's failure.
func Supervise(p Program, kill <-chan struct{}, started func(pgid int)) (task.End, error) {
	f, err := newFamily()
	if err != nil {
		return task.End{}, err
	}
	if info, err := os.Stat(p.Dir); err != nil || !info.IsDir() {
		return task.End{Code: codeNotExecutable, Msg: "no such folder in the container: " + p.Dir}, noFolder(err)
	}
	prog, end := find(p.Args[0], p.Dir, lookup(p.Env, "PATH"))
	if end.Code != 0 {
		return end, nil
	}
	sys := &syscall.SysProcAttr{Setsid: true, Setctty: p.TTY, Credential: p.User}
	pid, err := syscall.ForkExec(prog, p.Args, &syscall.ProcAttr{Dir: p.Dir, Env: p.Env, Files: p.Files, Sys: sys})
	if err != nil {
		return cannotStart(p.Args[0], err)
	}
	started(pid)
	over := make(chan struct{})
	var killer sync.WaitGroup
	killed := false
	killer.Go(func() {
		select {
		case <-kill:
			killed = true
			f.kill(pid)
		case <-over:
		}
	})
	ignoreUse := func(*syscall.Rusage) {}
	status, err := f.waitMain(pid, ignoreUse)
	close(over)
	killer.Wait()
	if killed || !p.Leave {
		err = errors.Join(err, f.killRest(pid, ignoreUse))
	}
	if status.Signaled() {
		return task.End{Code: 128 + int(status.Signal()), Signal: status.Signal().String()}, err
	}
	return task.End{Code: status.ExitStatus()}, err
}

// noFolder is the machine's part of a folder that cannot be entered.
func noFolder(err error) error {
	if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	return err
}

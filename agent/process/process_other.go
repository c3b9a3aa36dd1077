//go:build !unix

package process

import (
	"context"
	"errors"
	"io/fs"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/agent/task"
	"github.com/Akilan1999/p2p-rendering-computation/api"
)

func executable(fs.FileInfo) bool { return true }

// Executor runs programs. It is not safe for concurrent use.
type Executor struct {
	scratch scratch
	env     []string
}

var _ task.Executor = (*Executor)(nil)

// New makes this process ready to execute.
func New(cfg Config) (*Executor, error) {
	s, err := openScratch(cfg.Scratch)
	return &Executor{scratch: s, env: cfg.Env}, err
}

// Inline implements task.Executor.
func (e *Executor) Inline() bool { return false }

// Exec implements task.Executor.
func (e *Executor) Exec(ctx context.Context, t *task.Task) (task.End, error) {
	dir := filepath.Join(t.Dir, filepath.FromSlash(t.Cwd))
	cmd := exec.CommandContext(ctx, t.Args[0], t.Args[1:]...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = dir, t.Stdin, t.Stdout, t.Stderr
	cmd.Env, cmd.WaitDelay = environment(t, e.env, dir, e.scratch.tmp()), time.Second
	err := cmd.Start()
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return task.End{Code: codeNotFound, Msg: "no such program: " + t.Args[0]}, nil
	}
	if err != nil {
		return task.End{Code: codeNotExecutable, Msg: "cannot execute " + t.Args[0] + ": " + err.Error()}, nil
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) && ctx.Err() == nil {
		return task.End{}, api.Errorf(api.KindInternal, "%w", err)
	}
	st := cmd.ProcessState
	return task.End{Code: st.ExitCode(), CPU: st.UserTime() + st.SystemTime()}, e.scratch.empty()
}

// Package process executes programs: the executor behind the agent's process
// mode. Each task is a child in a session of its own, in its directory; when its
// main process ends, everything else it started is killed before the task counts
// as ended.
//
// As process 1 of a process namespace (Linux) nothing can escape that; as an
// ordinary process the executor adopts orphans (Linux) and kills what it finds
// below itself until nothing is left.
package process

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/Akilan1999/p2p-rendering-computation/agent/task"
	"github.com/Akilan1999/p2p-rendering-computation/internal/cgroup"
)

// Exit codes of a command that never started, as shells use them.
const (
	codeNotExecutable = 126
	codeNotFound      = 127
)

// defaultPath is searched when the task's environment has no PATH.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Config is what all tasks of an executor have in common.
type Config struct {
	Scratch []string // folders that are emptied after every task; the first one is the task's TMPDIR, others need not exist
	Env     []string // KEY=value, of every task that does not say otherwise
	// Group is the control group that all tasks run in: what the kernel refuses
	// there shows as the task's limit. nil: nobody's.
	Group *cgroup.Group
}

// environment is the task's own, then base, then what every program expects to find.
func environment(t *task.Task, base []string, dir, tmp string) []string {
	env := append([]string(nil), t.Env...)
	expected := []string{"PATH=" + defaultPath, "HOME=" + t.Dir, "TMPDIR=" + tmp, "PWD=" + dir}
	for _, kv := range append(slices.Clip(base), expected...) {
		k, _, _ := strings.Cut(kv, "=")
		if lookup(env, k) == "" {
			env = append(env, kv)
		}
	}
	return env
}

// scratch are the folders beside a task's directory that it may write to. They
// stay open, for they are looked into after every task.
type scratch []*os.File

func openScratch(dirs []string) (scratch, error) {
	var s scratch
	for i, d := range dirs {
		f, err := os.Open(d)
		if i > 0 && errors.Is(err, fs.ErrNotExist) {
			continue // gVisor has no message queues
		}
		if err != nil {
			return nil, err
		}
		s = append(s, f)
	}
	return s, nil
}

func (s scratch) tmp() string {
	if len(s) == 0 {
		return os.TempDir()
	}
	return s[0].Name()
}

// empty removes what a task left behind.
func (s scratch) empty() error {
	for _, dir := range s {
		if _, err := dir.Seek(0, io.SeekStart); err != nil {
			return err
		}
		names, err := dir.Readdirnames(-1)
		if err != nil {
			return err
		}
		for _, n := range names {
			p := filepath.Join(dir.Name(), n)
			if os.RemoveAll(p) == nil {
				continue
			}
			openUp(p)
			if err := os.RemoveAll(p); err != nil {
				return err
			}
		}
	}
	return nil
}

// openUp gives the owner every permission on the folders below p, as far as they
// are its own; what cannot be changed shows when it is removed.
func openUp(p string) {
	_ = filepath.WalkDir(p, func(p string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() {
			_ = os.Chmod(p, 0o700)
		}
		return nil
	})
}

func lookup(env []string, key string) string {
	val := ""
	for _, kv := range env {
		if k, v, ok := strings.Cut(kv, "="); ok && k == key {
			val = v // the last one counts, as for execve's readers
		}
	}
	return val
}

// find is the program's path, or how the task ended because there is none.
func find(name, dir, path string) (string, task.End) {
	if strings.ContainsRune(name, '/') || strings.ContainsRune(name, filepath.Separator) {
		p := name
		if !filepath.IsAbs(p) {
			p = filepath.Join(dir, filepath.FromSlash(p))
		}
		return p, check(name, p)
	}
	end := task.End{Code: codeNotFound, Msg: "no such program: " + name}
	for _, d := range filepath.SplitList(path) {
		if !filepath.IsAbs(d) {
			d = filepath.Join(dir, d)
		}
		p := filepath.Join(d, name)
		switch e := check(name, p); e.Code {
		case 0:
			return p, e
		case codeNotExecutable:
			end = e
		}
	}
	return "", end
}

func check(name, p string) task.End {
	info, err := os.Stat(p)
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid):
		return task.End{Code: codeNotFound, Msg: "no such program: " + name}
	case err != nil:
		return task.End{Code: codeNotExecutable, Msg: "cannot execute " + name + ": permission denied"}
	case info.IsDir() || !executable(info):
		return task.End{Code: codeNotExecutable, Msg: "cannot execute " + name + ": not an executable file"}
	}
	return task.End{}
}

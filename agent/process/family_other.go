//go:build unix && !linux

package process

import (
	"context"
	"errors"
	"os"
	"runtime"
	"syscall"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/internal/proctree"
)

// maxRSS is in bytes on darwin and in KiB on the BSDs.
func maxRSS(ru *syscall.Rusage) int64 {
	if runtime.GOOS == "darwin" {
		return int64(ru.Maxrss)
	}
	return int64(ru.Maxrss) << 10
}

func ownPeak() int64 { return selfPeak() }

// family kills what is below this process and the task's process group. An
// orphan that left both is out of reach here.
type family struct{}

func newFamily() (family, error) { return family{}, nil }

const killWithin = 5 * time.Second

func (f family) kill(pid int) {
	ctx, cancel := context.WithTimeout(context.Background(), killWithin)
	defer cancel()
	ignore(proctree.KillBelow(ctx, os.Getpid()))
	ignore(syscall.Kill(-pid, syscall.SIGKILL))
}

// ignore names the errors of a kill whose success shows in wait alone.
func ignore(error) {}

func (f family) waitMain(pid int, note func(*syscall.Rusage)) (syscall.WaitStatus, error) {
	for {
		var ws syscall.WaitStatus
		var ru syscall.Rusage
		_, err := syscall.Wait4(pid, &ws, 0, &ru)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err == nil {
			note(&ru)
		}
		return ws, err
	}
}

func (f family) killRest(pid int, _ func(*syscall.Rusage)) error {
	f.kill(pid)
	return nil
}

// pipe makes a pipe that no task inherits by accident.
func pipe(r, w *int) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	var p [2]int
	if err := syscall.Pipe(p[:]); err != nil {
		return os.NewSyscallError("pipe", err)
	}
	syscall.CloseOnExec(p[0])
	syscall.CloseOnExec(p[1])
	*r, *w = p[0], p[1]
	return nil
}

// endsSoon knows nothing here.
func endsSoon(int) bool { return false }

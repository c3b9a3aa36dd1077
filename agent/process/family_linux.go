package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/Akilan1999/p2p-rendering-computation/internal/proctree"
)

func maxRSS(ru *syscall.Rusage) int64 { return ru.Maxrss << 10 }

// ownPeak is not what getrusage says of this process: that counts what started
// it, too, which a child does not inherit.
func ownPeak() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return selfPeak()
	}
	_, rest, _ := strings.Cut(string(status), "\nVmHWM:")
	kib, _, _ := strings.Cut(rest, " kB")
	n, err := strconv.ParseInt(strings.TrimSpace(kib), 10, 64)
	if err != nil {
		return selfPeak()
	}
	return n << 10
}

// family is how this process rules over what tasks started: as process 1 of a
// namespace it can kill all but itself in one call; else it adopts orphans and
// looks for them.
type family struct{ all bool }

// pipe makes a pipe that no task inherits by accident.
func pipe(r, w *int) error {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return os.NewSyscallError("pipe", err)
	}
	*r, *w = p[0], p[1]
	return nil
}

// soon is how long a task may take to be one that ends at once.
const soon = 2 * time.Millisecond

// endsSoon waits until a child has ended, but not for long, on a thread that the Go
// scheduler believes to be computing: to hand its processor to another thread and take it back
// costs more than the agent does for a small task. A task with more to say than
// fits into its pipes waits for that time.
func endsSoon(pid int) bool {
	child, err := unix.PidfdOpen(pid, 0)
	if err != nil { // gVisor may have none
		return false
	}
	defer unix.Close(child)
	fd := unix.PollFd{Fd: int32(child), Events: unix.POLLIN}
	ts := unix.NsecToTimespec(int64(soon))
	n, _, _ := unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&fd)), 1, uintptr(unsafe.Pointer(&ts)), 0, 0, 0)
	return n == 1
}

func newFamily() (family, error) {
	if os.Getpid() == 1 {
		return family{all: true}, nil
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return family{}, fmt.Errorf("cannot adopt orphans: %w", err)
	}
	return family{}, nil
}

const killWithin = 5 * time.Second

// kill kills the task whose main process is pid.
func (f family) kill(pid int) {
	if f.all {
		// One call reaches everything in the namespace but this process: the
		// kernel holds the task list meanwhile, so that a fork bomb cannot outrun it.
		ignore(syscall.Kill(-1, syscall.SIGKILL))
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), killWithin)
	defer cancel()
	ignore(proctree.KillBelow(ctx, os.Getpid()))
	ignore(syscall.Kill(pid, syscall.SIGKILL)) // should the look have failed
}

// ignore names the errors of a kill whose success shows in wait alone.
func ignore(error) {}

// waitMain reaps whatever ends until pid did: orphans are this process's children.
func (f family) waitMain(pid int, note func(*syscall.Rusage)) (syscall.WaitStatus, error) {
	for {
		var ws syscall.WaitStatus
		var ru syscall.Rusage
		got, err := syscall.Wait4(-1, &ws, 0, &ru)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return ws, fmt.Errorf("wait: %w", err)
		}
		note(&ru)
		if got == pid {
			return ws, nil
		}
	}
}

// killRest returns when nothing lives below this process.
func (f family) killRest(pid int, note func(*syscall.Rusage)) error {
	deadline := time.Now().Add(killWithin)
	for wait := 50 * time.Microsecond; ; wait = min(2*wait, 20*time.Millisecond) {
		var ws syscall.WaitStatus
		var ru syscall.Rusage
		got, err := syscall.Wait4(-1, &ws, syscall.WNOHANG, &ru)
		switch {
		case errors.Is(err, syscall.ECHILD):
			return nil
		case err != nil && !errors.Is(err, syscall.EINTR):
			return fmt.Errorf("wait: %w", err)
		case got > 0:
			note(&ru)
		case time.Now().After(deadline):
			return errors.New("a process of the task cannot be killed")
		default:
			f.kill(pid)
			time.Sleep(wait)
		}
	}
}

package session

import (
	"os"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// credential is how a child becomes who; nil where this process is that and,
// not being root, could become nobody else.
func (a account) credential() *syscall.Credential {
	if a.is() {
		return nil
	}
	return &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid), Groups: a.groups}
}

func (a account) is() bool { return a.uid == os.Geteuid() && a.gid == os.Getegid() && a.uid != 0 }

// act does what touches files with who's rights: the kernel refuses what it would
// refuse who. Only the thread's effective ids change, and the thread ends with
// fn; so who can neither signal this process nor look into it.
func (a account) act(fn func() error) error {
	if a.uid == 0 || a.is() {
		return fn()
	}
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread is of no more use
		if unix.Gettid() == os.Getpid() {
			// The first thread does not end, and its ids are what the process shows.
			// While it is kept here, what is started runs on another one.
			err := a.act(fn)
			runtime.UnlockOSThread()
			done <- err
			return
		}
		err := a.become()
		if err == nil {
			err = fn()
		}
		done <- err
	}()
	return <-done
}

// become changes the ids of the calling thread alone.
func (a account) become() error {
	groups := make([]int, len(a.groups))
	for i, g := range a.groups {
		groups[i] = int(g)
	}
	if err := unix.Setgroups(groups); err != nil {
		return err
	}
	if strconv.IntSize == 32 && max(a.uid, a.gid) >= 1<<16-1 { // the calls below know 16 bits there
		return unix.EINVAL
	}
	const keep = ^uintptr(0)
	if _, _, err := unix.RawSyscall(unix.SYS_SETRESGID, keep, uintptr(a.gid), keep); err != 0 {
		return err
	}
	if _, _, err := unix.RawSyscall(unix.SYS_SETRESUID, keep, uintptr(a.uid), keep); err != 0 {
		return err
	}
	return nil
}

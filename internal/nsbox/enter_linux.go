package nsbox

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// enter works on one thread from beginning to end: the last step, execve, keeps
// that thread's credentials and filters and ends all others.
func enter(c Config) error {
	runtime.LockOSThread()
	self, err := unix.Open("/proc/self/exe", unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("own executable: %w", err)
	}
	if err := keepDescriptors(); err != nil {
		return fmt.Errorf("inherited descriptors: %w", err)
	}
	switch c.Tier {
	case Namespaces:
		if err := build(c); err != nil {
			return err
		}
		if err := becomeUser(); err != nil {
			return err
		}
	case Landlock:
		if err := closeFiles(c); err != nil {
			return err
		}
		if err := dropCapabilities(); err != nil {
			return err
		}
	case None:
	default:
		return fmt.Errorf("unknown tier %q", c.Tier)
	}
	if err := limit(c); err != nil {
		return err
	}
	if c.Tier != None {
		if err := filter(c.Tier); err != nil {
			return fmt.Errorf("system call filter: %w", err)
		}
	}
	return become(self, c)
}

// keepDescriptors keeps whatever this process inherited by accident beyond the
// standard three from reaching the program.
func keepDescriptors() error {
	d, err := os.Open("/proc/self/fd")
	if err != nil {
		return err
	}
	names, err := d.Readdirnames(-1)
	if err = errors.Join(err, d.Close()); err != nil {
		return err
	}
	for _, n := range names {
		if fd, err := strconv.Atoi(n); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}

// becomeUser takes the box's user and gives every capability away for good.
func becomeUser() error {
	if _, _, e := unix.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0); e != 0 && e != unix.EPERM {
		return fmt.Errorf("setgroups: %w", e) // EPERM: an ordinary user's namespace may not
	}
	for _, call := range []struct {
		nr uintptr
		id uintptr
	}{{unix.SYS_SETRESGID, GID}, {unix.SYS_SETRESUID, UID}} {
		if _, _, e := unix.RawSyscall(call.nr, call.id, call.id, call.id); e != 0 {
			return fmt.Errorf("taking the box's user: %w", e)
		}
	}
	return dropCapabilities()
}

// dropCapabilities gives all away and sees to it that executing a program as
// user 0 gives none back. Without any to begin with there is nothing to do.
func dropCapabilities() error {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var have, none [2]unix.CapUserData
	if err := unix.Capget(&head, &have[0]); err != nil {
		return fmt.Errorf("reading capabilities: %w", err)
	}
	if have[0].Permitted|have[1].Permitted == 0 {
		return nil
	}
	const noRoot, noRootLocked = 1 << 0, 1 << 1
	if err := unix.Prctl(unix.PR_SET_SECUREBITS, noRoot|noRootLocked, 0, 0, 0); err != nil {
		return fmt.Errorf("securing user 0: %w", err)
	}
	for c := uintptr(0); c <= 63; c++ {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil {
			if errors.Is(err, unix.EINVAL) && c > unix.CAP_BLOCK_SUSPEND {
				break // the kernel knows no more
			}
			return fmt.Errorf("dropping capability %d: %w", c, err)
		}
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("clearing ambient capabilities: %w", err)
	}
	if err := unix.Capset(&head, &none[0]); err != nil {
		return fmt.Errorf("clearing capabilities: %w", err)
	}
	return nil
}

// limit sets what outlives execve: no core files, the count of processes, no new
// privileges, and, as the first process of a namespace, death with the one who
// started the box.
func limit(c Config) error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("core limit: %w", err)
	}
	if c.Procs > 0 && ownCount(c.Tier) {
		n := uint64(c.Procs)
		if err := unix.Setrlimit(unix.RLIMIT_NPROC, &unix.Rlimit{Cur: n, Max: n}); err != nil {
			return fmt.Errorf("process limit: %w", err)
		}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no new privileges: %w", err)
	}
	if c.Tier != Namespaces {
		return nil // a program that dies at once would leave what it started behind
	}
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("death signal: %w", err)
	}
	return nil
}

// ownCount tells whether RLIMIT_NPROC counts the box's processes only: in a user
// namespace since Linux 5.14. Elsewhere it would count all of the user's.
func ownCount(t Tier) bool {
	if t != Namespaces {
		return false
	}
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return false
	}
	var major, minor int
	if _, err := fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &major, &minor); err != nil {
		return false
	}
	return major > 5 || major == 5 && minor >= 14
}

// become executes this program's own file by descriptor: no path to it needs to
// exist in the box.
func become(self int, c Config) error {
	argv, err := syscall.SlicePtrFromStrings(c.Argv)
	if err != nil {
		return err
	}
	env, err := syscall.SlicePtrFromStrings(c.Env)
	if err != nil {
		return err
	}
	empty := []byte{0}
	_, _, e := unix.RawSyscall6(unix.SYS_EXECVEAT, uintptr(self), uintptr(unsafe.Pointer(&empty[0])),
		uintptr(unsafe.Pointer(&argv[0])), uintptr(unsafe.Pointer(&env[0])), unix.AT_EMPTY_PATH, 0)
	if e == unix.ENOENT {
		return fmt.Errorf("starting the agent: its loader is not in the box: %w", os.ErrNotExist)
	}
	return fmt.Errorf("starting the agent: %w", e)
}

package nsbox

import (
	"errors"
	"fmt"
	"io/fs"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What a folder that is only shown may be used for, and what one version of the
// kernel after the other can rule over.
const (
	readAccess = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	fileAccess = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE |
		unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	accessV1 = unix.LANDLOCK_ACCESS_FS_MAKE_SYM<<1 - 1
)

// landlockVersion is the kernel's, 0 without Landlock.
func landlockVersion() int {
	v, _, e := unix.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if e != 0 {
		return 0
	}
	return int(v)
}

func ruled(version int) unix.LandlockRulesetAttr {
	a := unix.LandlockRulesetAttr{Access_fs: accessV1}
	if version >= 2 {
		a.Access_fs |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if version >= 3 {
		a.Access_fs |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if version >= 4 {
		a.Access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	}
	if version >= 5 {
		a.Access_fs |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	if version >= 6 {
		a.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
	}
	return a
}

// attrSize is how much of the struct a version knows.
func attrSize(version int) uintptr {
	switch {
	case version < 4:
		return 8
	case version < 6:
		return 16
	}
	return unsafe.Sizeof(unix.LandlockRulesetAttr{})
}

// closeFiles closes the file system to this thread, and what it becomes, but for
// the binds, a few devices and its own executable.
func closeFiles(c Config) error {
	v := landlockVersion()
	if v == 0 {
		return errors.New("this kernel has no Landlock")
	}
	attr := ruled(v)
	fd, _, e := unix.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), attrSize(v), 0)
	if e != 0 {
		return fmt.Errorf("landlock: %w", e)
	}
	open := append([]Bind{{Source: "/proc/self/exe"}}, c.Binds...)
	for _, d := range devices {
		open = append(open, Bind{Source: "/dev/" + d, Writable: true, Optional: true})
	}
	for _, b := range open {
		if hides(c.Hide, b) {
			continue
		}
		if err := allow(int(fd), b, attr.Access_fs); err != nil {
			return fmt.Errorf("landlock: %s: %w", b.Source, err)
		}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no new privileges: %w", err)
	}
	if _, _, e := unix.RawSyscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); e != 0 {
		return fmt.Errorf("landlock: %w", e)
	}
	return unix.Close(int(fd))
}

// hides tells whether something hidden lies in b: Landlock can only leave all of
// b closed then.
func hides(hidden []string, b Bind) bool {
	for _, h := range hidden {
		if !b.Writable && h != b.Source && below(h, b.Source) {
			return true
		}
	}
	return false
}

func allow(ruleset int, b Bind, all uint64) error {
	fd, err := unix.Open(b.Source, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		if b.Optional && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)) {
			return nil
		}
		return err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	access := uint64(readAccess)
	if b.Writable {
		access = all
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		access &= fileAccess
	}
	rule := unix.LandlockPathBeneathAttr{Allowed_access: access & all, Parent_fd: int32(fd)}
	if _, _, e := unix.RawSyscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0); e != 0 {
		return e
	}
	return nil
}

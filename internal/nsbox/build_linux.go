package nsbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// build makes the new root and goes there. The thread is still the user that
// started it, because only that one can reach the sources of the binds; what is
// made inside the new root is made by the box's user on a thread of its own.
func build(c Config) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("own mounts: %w", err)
	}
	data := fmt.Sprintf("mode=0755,size=1m,nr_inodes=4096,uid=%d,gid=%d", UID, GID)
	if err := unix.Mount("box", c.Root, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, data); err != nil {
		return fmt.Errorf("new root: %w", err)
	}
	// From here on the new root is ".": the box's user could not walk to it.
	if err := unix.Chdir(c.Root); err != nil {
		return fmt.Errorf("new root: %w", err)
	}
	binds, err := present(c.Binds)
	if err != nil {
		return err
	}
	if err := asBoxUser(func() error { return furnish(c, binds) }); err != nil {
		return fmt.Errorf("new root: %w", err)
	}
	for _, b := range binds {
		if err := bind(b, inside(b.Target)); err != nil {
			return fmt.Errorf("showing %s: %w", b.Source, err)
		}
	}
	if err := hide(c, binds); err != nil {
		return err
	}
	if c.Proc {
		if err := unix.Mount("proc", "proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
			return fmt.Errorf("own /proc: %w", err)
		}
	}
	if c.Dev {
		for _, d := range devices {
			if err := unix.Mount("/dev/"+d, "dev/"+d, "", unix.MS_BIND, ""); err != nil {
				return fmt.Errorf("/dev/%s: %w", d, err)
			}
		}
		if err := unix.Mount("shm", "dev/shm", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV,
			fmt.Sprintf("mode=1777,size=64m,nr_inodes=4096,uid=%d,gid=%d", UID, GID)); err != nil {
			return fmt.Errorf("/dev/shm: %w", err)
		}
	}
	if c.PTYs {
		if err := unix.Mount("devpts", "dev/pts", "devpts", unix.MS_NOSUID|unix.MS_NOEXEC, "newinstance,mode=0600,ptmxmode=0666,max=256"); err != nil {
			return fmt.Errorf("/dev/pts: %w", err)
		}
	}
	if err := hold(c.Held); err != nil {
		return err
	}
	if err := loopbackUp(); err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	if err := unix.Sethostname([]byte("sandbox")); err != nil {
		return fmt.Errorf("host name: %w", err)
	}
	return pivot()
}

// inside is a path of the box while its root is the current folder.
func inside(p string) string { return filepath.Join(".", p) }

func pivot() error {
	if err := unix.PivotRoot(".", "."); err != nil { // the old root now lies over the new one
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leaving the old root: %w", err)
	}
	if err := unix.Chdir("/"); err != nil {
		return err
	}
	return readOnly("/", false)
}

var devices = []string{"null", "zero", "full", "random", "urandom", "tty"}

// source is a bind whose source is there.
type source struct {
	Bind
	dir bool
}

// present drops the optional binds whose source is not there.
func present(all []Bind) ([]source, error) {
	var out []source
	for _, b := range all {
		info, err := os.Stat(b.Source)
		if err != nil {
			if b.Optional && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)) {
				continue
			}
			return nil, err
		}
		if b.Target == "" {
			b.Target = b.Source
		}
		out = append(out, source{b, info.IsDir()})
	}
	// A folder before what lies in it.
	slices.SortStableFunc(out, func(a, b source) int { return strings.Compare(a.Target, b.Target) })
	return out, nil
}

// asBoxUser runs f on a thread whose files belong to the box's user. The thread
// ends with the goroutine, so nothing else ever runs on it.
func asBoxUser(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		for nr, id := range map[uintptr]uintptr{unix.SYS_SETFSGID: GID, unix.SYS_SETFSUID: UID} {
			unix.RawSyscall(nr, id, 0, 0) // answers with the id before, never an error
			if now, _, _ := unix.RawSyscall(nr, ^uintptr(0), 0, 0); now != id {
				done <- errors.New("cannot take the box's user for files")
				return
			}
		}
		done <- f()
	}()
	return <-done
}

// furnish makes everything in the new root that is not a mount.
func furnish(c Config, binds []source) error {
	for _, d := range []string{"proc", "dev/shm", "tmp", "etc", holder} {
		if err := os.MkdirAll(inside(d), 0o755); err != nil {
			return err
		}
	}
	if c.Dev {
		for _, d := range devices {
			if err := touch(inside("dev/" + d)); err != nil {
				return err
			}
		}
		for name, to := range map[string]string{"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"} {
			if err := os.Symlink(to, inside("dev/"+name)); err != nil {
				return err
			}
		}
	}
	if c.PTYs {
		if err := errors.Join(os.Mkdir(inside("dev/pts"), 0o755), os.Symlink("pts/ptmx", inside("dev/ptmx"))); err != nil {
			return err
		}
	}
	for p, content := range c.Files {
		if err := os.MkdirAll(filepath.Dir(inside(p)), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(inside(p), []byte(content), 0o444); err != nil {
			return err
		}
	}
	for p, to := range c.Links {
		if err := os.MkdirAll(filepath.Dir(inside(p)), 0o755); err != nil {
			return err
		}
		if err := os.Symlink(to, inside(p)); err != nil {
			return err
		}
	}
	return mountPoints(binds)
}

func mountPoints(binds []source) error {
	for i, b := range binds {
		if slices.ContainsFunc(binds[:i], func(o source) bool { return below(b.Target, o.Target) }) {
			continue // lies in a bind before it and exists there, or the mount fails
		}
		if b.dir {
			if err := os.MkdirAll(inside(b.Target), 0o755); err != nil {
				return err
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(inside(b.Target)), 0o755); err != nil {
			return err
		}
		if err := touch(inside(b.Target)); err != nil {
			return err
		}
	}
	return nil
}

func touch(p string) error {
	f, err := os.OpenFile(p, os.O_CREATE|os.O_WRONLY, 0o444)
	if err != nil {
		return err
	}
	return f.Close()
}

// below tells whether p is dir or lies in it.
func below(p, dir string) bool {
	return p == dir || dir == "/" || strings.HasPrefix(p, dir+"/")
}

func bind(b source, target string) error {
	if err := unix.Mount(b.Source, target, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return err
	}
	if b.Writable {
		return attributes(target, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV, unix.MS_NOSUID|unix.MS_NODEV, true)
	}
	return readOnly(target, true)
}

func readOnly(target string, deep bool) error {
	return attributes(target, unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV, unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV, deep)
}

// attributes adds to a mount and all below it. Kernels before 5.12 can only
// remount, one mount and never losing a flag that is locked.
func attributes(target string, attr uint64, flags uintptr, deep bool) error {
	var how uint
	if deep {
		how = unix.AT_RECURSIVE
	}
	err := unix.MountSetattr(unix.AT_FDCWD, target, how, &unix.MountAttr{Attr_set: attr})
	if !errors.Is(err, unix.ENOSYS) {
		return err
	}
	var st unix.Statfs_t
	if err := unix.Statfs(target, &st); err != nil {
		return err
	}
	keep := uintptr(st.Flags) & (unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_RDONLY | unix.MS_NOATIME | unix.MS_NODIRATIME | unix.MS_RELATIME)
	return unix.Mount("", target, "", unix.MS_BIND|unix.MS_REMOUNT|flags|keep, "")
}

// hold opens folders on mounts of their own and takes the mounts away again:
// what is left is a descriptor from which no path leads anywhere else.
func hold(dirs []string) error {
	for i, d := range dirs {
		if err := unix.Mount(d, holder, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("holding %s: %w", d, err)
		}
		if err := attributes(holder, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV, unix.MS_NOSUID|unix.MS_NODEV, false); err != nil {
			return fmt.Errorf("holding %s: %w", d, err)
		}
		fd, err := unix.Open(holder, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("holding %s: %w", d, err)
		}
		err = unix.Dup3(fd, heldBase+i, 0) // without O_CLOEXEC: for the program
		if err = errors.Join(err, unix.Close(fd), unix.Unmount(holder, unix.MNT_DETACH)); err != nil {
			return fmt.Errorf("holding %s: %w", d, err)
		}
	}
	return nil
}

// holder is an empty folder of the box where mounts live for a moment.
const holder = "dev/hold"

// hide covers what must stay invisible and lies below a bind, with an empty
// folder that nobody may write to.
func hide(c Config, binds []source) error {
	for _, h := range c.Hide {
		h = filepath.Clean(h)
		if real, err := filepath.EvalSymlinks(h); err == nil {
			h = real
		}
		for _, b := range binds {
			from := b.Source
			if real, err := filepath.EvalSymlinks(from); err == nil {
				from = real
			}
			if h == from || !below(h, from) || b.Writable {
				continue
			}
			at := filepath.Join(inside(b.Target), strings.TrimPrefix(h, from))
			if _, err := os.Lstat(at); errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err := unix.Mount("hidden", at, "tmpfs", unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV, "mode=0555,size=4k,nr_inodes=2"); err != nil {
				return fmt.Errorf("hiding %s: %w", h, err)
			}
		}
	}
	return nil
}

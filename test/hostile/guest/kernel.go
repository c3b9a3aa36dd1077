//go:build linux

package main

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unsafe"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// kernel are tries by system calls. Each does no harm where it is let through:
// then its arguments make no sense to the kernel.
func kernel() []attack {
	dir := os.TempDir()
	syscall := func(nr uintptr, args ...uintptr) error {
		var a [6]uintptr
		copy(a[:], args)
		if _, _, errno := unix.RawSyscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5]); errno != 0 {
			return errno
		}
		return nil
	}
	text := func(s string) uintptr {
		b, err := unix.BytePtrFromString(s)
		check(err)
		return uintptr(unsafe.Pointer(b))
	}
	return []attack{
		{"a device of its own", func() error {
			name := filepath.Join(dir, "null")
			defer os.Remove(name)
			return unix.Mknod(name, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3)))
		}},
		{"mounting a file system", func() error { return unix.Mount("none", dir, "tmpfs", 0, "") }},
		{"mounting a folder elsewhere", func() error { return unix.Mount("/proc", dir, "", unix.MS_BIND, "") }},
		{"mounting control groups", func() error { return unix.Mount("none", dir, "cgroup", 0, "memory") }},
		{"making the root writable", func() error { return unix.Mount("", "/", "", unix.MS_REMOUNT|unix.MS_BIND, "") }},
		{"unmounting what hides", func() error { return unix.Unmount("/proc/kcore", unix.MNT_DETACH) }},
		{"another root", func() error { return unix.Chroot("/") }},
		{"a user namespace", func() error { return unix.Unshare(unix.CLONE_NEWUSER) }},
		{"a network namespace", func() error { return syscall(unix.SYS_UNSHARE, unix.CLONE_NEWNET) }},
		{"the agent's namespaces", func() error {
			fd, err := unix.Open("/proc/"+cmp.Or(os.Getenv("AGENT"), "1")+"/ns/mnt", unix.O_RDONLY, 0)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			return unix.Setns(fd, unix.CLONE_NEWNS)
		}},
		{"files by their handles", func() error { return syscall(unix.SYS_OPEN_BY_HANDLE_AT, ^uintptr(0), 0, 0) }},
		{"a module of the kernel", func() error { return unix.DeleteModule("p2prc-hostile", 0) }},
		{"another kernel", func() error { return syscall(unix.SYS_KEXEC_LOAD, 0, 0, 0, 0xffff) }},
		{"programs in the kernel", func() error { return syscall(unix.SYS_BPF, ^uintptr(0), 0, 0) }},
		{"watching the processor", func() error { return syscall(unix.SYS_PERF_EVENT_OPEN, 0, 0, 0, 0, 0) }},
		{"the kernel's keys", func() error { return syscall(unix.SYS_KEYCTL, 0, ^uintptr(2), 0) }}, // the session's
		{"the kernel's log", func() error { return syscall(unix.SYS_SYSLOG, 10, 0, 0) }},           // its size
		{"restarting the machine", func() error { return syscall(unix.SYS_REBOOT, 1, 1, 1) }},
		{"swapping the machine's memory", func() error { return syscall(unix.SYS_SWAPOFF, text("/p2prc-hostile")) }},
		{"the machine's clock", func() error {
			return unix.ClockSettime(unix.CLOCK_REALTIME, &unix.Timespec{Nsec: -1})
		}},
		{"the machine's name", func() error { return unix.Sethostname([]byte("hostile")) }},
		{"raw packets", func() error { return opens(unix.AF_PACKET, unix.SOCK_RAW, 0) }},
		{"forged packets", func() error { return opens(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_RAW) }},
		{"rules of the packet filter", func() error {
			c, err := nftables.New()
			if err != nil {
				return err
			}
			c.AddTable(&nftables.Table{Name: "p2prc_hostile", Family: nftables.TableFamilyINet})
			return c.Flush()
		}},
		{"rights beyond the list", rights},
		{"new privileges", func() error {
			n, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
			if err == nil && n == 1 {
				return errNothing
			}
			return err
		}},
		{"unfiltered system calls", func() error {
			n, err := unix.PrctlRetInt(unix.PR_GET_SECCOMP, 0, 0, 0, 0)
			if err == nil && n == 2 {
				return errNothing
			}
			return err
		}},
	}
}

func opens(domain, typ, proto int) error {
	fd, err := unix.Socket(domain, typ, proto)
	if err == nil {
		err = unix.Close(fd)
	}
	return err
}

// rights gets in where the process could ever have a capability that RIGHTS, a
// mask in hexadecimal digits, does not list.
func rights() error {
	allowed, err := strconv.ParseUint(os.Getenv("RIGHTS"), 16, 64)
	check(err)
	b, err := os.ReadFile("/proc/self/status")
	check(err)
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "CapBnd:"); ok {
			have, err := strconv.ParseUint(strings.TrimSpace(rest), 16, 64)
			check(err)
			if have&^allowed == 0 {
				return errNothing
			}
			return nil
		}
	}
	return errors.New("no word of capabilities")
}

//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// attack is one try to get out. What it returns says how it ended; nil: it got in.
type attack struct {
	name string
	do   func() error
}

// errNothing is a try that found nothing to take.
var errNothing = errors.New("there is nothing")

func (a attack) outcome() string {
	err := a.do()
	for _, no := range []error{unix.EPERM, unix.EACCES, unix.EROFS, errNothing} {
		if errors.Is(err, no) {
			return "denied"
		}
	}
	return fmt.Sprintf("let in (%v)", err)
}

// paths are tries by the names of files and processes.
func paths() []attack {
	return []attack{
		{"the engine's socket", func() error {
			return anyOf("/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock", os.Getenv("ENGINE"))
		}},
		{"the node's home", func() error {
			home := os.Getenv("HOME_OF_NODE")
			return anyOf(home, filepath.Join(home, "p2prc.sock"), filepath.Join(home, "identity.key"))
		}},
		{"the machine's files", func() error {
			secret := os.Getenv("SECRET")
			return anyOf(secret, "/host"+secret, "/proc/1/root"+secret, "/proc/self/cwd/../../../../../.."+secret)
		}},
		{"the node's process", func() error {
			pid, err := strconv.Atoi(os.Getenv("NODE"))
			check(err)
			if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err == nil && strings.Contains(string(b), "p2prc\x00up") {
				return nil
			}
			if err := unix.Kill(pid, 0); !errors.Is(err, unix.ESRCH) {
				return err
			}
			return errNothing
		}},
		{"the machine's processes", func() error {
			all, err := filepath.Glob("/proc/[0-9]*/cmdline")
			check(err)
			for _, name := range all {
				if b, err := os.ReadFile(name); err == nil && strings.HasPrefix(string(b), "dockerd\x00") {
					return nil
				}
			}
			return errNothing
		}},
		{"the kernel's settings", func() error {
			return anyWritable("/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/vm/overcommit_memory", "/proc/sys/net/ipv4/ip_forward",
				"/proc/sysrq-trigger", "/sys/kernel/uevent_helper", "/sys/kernel/mm/ksm/run")
		}},
		{"control groups", func() error {
			var all []string
			for _, glob := range []string{"/sys/fs/cgroup/*/release_agent", "/sys/fs/cgroup/*/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/*/tasks", "/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/memory.max"} {
				found, err := filepath.Glob(glob)
				check(err)
				all = append(all, found...)
			}
			return anyWritable(all...)
		}},
		{"the machine's memory", func() error {
			for _, name := range []string{"/proc/kcore", "/dev/mem", "/dev/kmem"} {
				f, err := os.Open(name)
				if err != nil {
					continue
				}
				n, _ := f.Read(make([]byte, 16)) // a masked file is empty
				_ = f.Close()
				if n > 0 {
					return nil
				}
			}
			return errNothing
		}},
		{"the machine's disks", disks},
	}
}

// anyOf gets in where any of the names is there.
func anyOf(names ...string) error {
	for _, n := range names {
		if _, err := os.Stat(n); n != "" && err == nil {
			return nil
		}
	}
	return errNothing
}

// anyWritable gets in where any of the names can be opened for writing.
func anyWritable(names ...string) error {
	for _, n := range names {
		if f, err := os.OpenFile(n, os.O_WRONLY, 0); err == nil {
			_ = f.Close()
			return nil
		}
	}
	return errNothing
}

// disks makes a device of each of the machine's disks and opens it.
func disks() error {
	all, err := filepath.Glob("/sys/class/block/*/dev")
	check(err)
	err = errNothing
	for _, name := range all {
		b, rerr := os.ReadFile(name)
		if rerr != nil {
			continue
		}
		var major, minor uint32
		if _, serr := fmt.Sscanf(string(b), "%d:%d", &major, &minor); serr != nil {
			continue
		}
		dev := filepath.Join(os.TempDir(), "disk")
		if err = unix.Mknod(dev, unix.S_IFBLK|0o600, int(unix.Mkdev(major, minor))); err != nil {
			continue
		}
		fd, oerr := unix.Open(dev, unix.O_RDONLY, 0)
		check(os.Remove(dev))
		if oerr == nil {
			_ = unix.Close(fd)
			return nil
		}
		err = oerr
	}
	return err
}

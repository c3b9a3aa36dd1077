package nsbox

import (
	"hash/fnv"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Supported tells whether there is any box but None on this system.
const Supported = true

// The capabilities that entering takes. They are the new user namespace's own
// and are gone before the program starts.
var setupCaps = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SETUID, unix.CAP_SETGID, unix.CAP_SETPCAP, unix.CAP_NET_ADMIN}

// The first of the unprivileged users that root's boxes run as, above all that
// systems hand out (subordinate ids end below 2^31 as a rule).
const (
	baseUID  = 0x7000_0000
	uidCount = 1 << 20
)

// HostUID is who the program in box name is outside: an unprivileged user of its
// own when this process is root and the box has its own users, else this
// process's user.
func HostUID(t Tier, name string) int {
	if os.Geteuid() != 0 || t != Namespaces {
		return os.Geteuid()
	}
	h := fnv.New32a()
	h.Write([]byte(name))
	return baseUID + int(h.Sum32()%uidCount)
}

// Attr is how the helper of a box of tier t must be started. name is the box's.
func Attr(t Tier, name string) *syscall.SysProcAttr {
	if t != Namespaces {
		return &syscall.SysProcAttr{Setsid: true}
	}
	root := os.Geteuid() == 0
	gid := os.Getegid()
	if root {
		gid = HostUID(t, name)
	}
	return &syscall.SysProcAttr{
		Setsid: true,
		Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWIPC |
			unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP,
		UidMappings:                []syscall.SysProcIDMap{{ContainerID: UID, HostID: HostUID(t, name), Size: 1}},
		GidMappings:                []syscall.SysProcIDMap{{ContainerID: GID, HostID: gid, Size: 1}},
		GidMappingsEnableSetgroups: root,
		AmbientCaps:                setupCaps,
	}
}

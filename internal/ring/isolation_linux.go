package ring

import (
	"fmt"
	"os/exec"
	"syscall"
)

// Isolation says why user, pid and mount namespaces cannot be had here.
func Isolation() string {
	cmd := exec.Command("/bin/true")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: syscall.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: syscall.Getgid(), Size: 1}},
	}
	if err := cmd.Run(); err != nil {
		return fmt.Sprintf("namespaces cannot be had: %v", err)
	}
	return ""
}

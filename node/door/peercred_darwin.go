package door

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// peerUID is the user at the other end of a unix socket, as the kernel says.
func peerUID(c net.Conn) (uid int, known bool, err error) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return 0, true, syscall.ENOTSOCK
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return 0, true, err
	}
	var cred *unix.Xucred
	var credErr error
	if err := raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptXucred(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	}); err != nil {
		return 0, true, err
	}
	if credErr != nil {
		return 0, true, credErr
	}
	return int(cred.Uid), true, nil
}

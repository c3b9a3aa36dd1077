//go:build unix

package child

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// connect gives cmd one end of a socket pair as standard input and output.
// started must be called once cmd is running or has failed to start.
func connect(cmd *exec.Cmd) (conn io.ReadWriteCloser, started func() error, err error) {
	syscall.ForkLock.RLock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	// The node's end waits in the poller; the agent's blocks, which wakes sooner.
	if err := syscall.SetNonblock(fds[0], true); err != nil {
		return nil, nil, errors.Join(err, syscall.Close(fds[0]), syscall.Close(fds[1]))
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "agent"), os.NewFile(uintptr(fds[1]), "node")
	cmd.Stdin, cmd.Stdout = theirs, theirs
	return ours, theirs.Close, nil
}

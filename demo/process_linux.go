package demo

import (
	"os/exec"
	"syscall"
)

// apart puts a command into a process group of its own, where the terminal's
// Ctrl-C does not reach it, and lets it end with this process.
func apart(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}

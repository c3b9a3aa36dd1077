//go:build unix && !linux

package demo

import (
	"os/exec"
	"syscall"
)

// apart puts a command into a process group of its own, where the terminal's
// Ctrl-C does not reach it.
func apart(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

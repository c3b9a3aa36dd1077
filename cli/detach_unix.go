//go:build !windows

package cli

import (
	"os/exec"
	"syscall"
)

// detach takes the child out of this terminal's session.
func detach(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

//go:build unix

package demo

import (
	"errors"
	"os"
	"syscall"
)

// ask asks a process to end. One that has ended already is fine.
func ask(p *os.Process) { p.Signal(syscall.SIGTERM) }

// killGroup kills the process and what it started in its group.
func killGroup(p *os.Process) { syscall.Kill(-p.Pid, syscall.SIGKILL) }

// gone tells whether no process has the number.
func gone(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

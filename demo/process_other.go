//go:build !unix

package demo

import (
	"os"
	"os/exec"
)

func apart(*exec.Cmd) {}

// ask can only kill here: there is no signal that asks.
func ask(p *os.Process) { p.Kill() }

func killGroup(p *os.Process) { p.Kill() }

// gone is not known here, so nothing is swept.
func gone(int) bool { return false }

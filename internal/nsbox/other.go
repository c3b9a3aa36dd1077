//go:build !linux

package nsbox

import (
	"errors"
	"os"
	"syscall"
)

// Supported tells whether there is any box but None on this system.
const Supported = false

// HostUID is this process's user: boxes have none of their own here.
func HostUID(Tier, string) int { return os.Geteuid() }

// Attr is how the helper of a box must be started.
func Attr(Tier, string) *syscall.SysProcAttr { return nil }

func enter(Config) error { return errors.New("boxes are for Linux") }

//go:build unix

package agent

import "syscall"

// openNoFollow keeps a link from being followed and a pipe from being waited for.
const openNoFollow = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

//go:build !linux

package ring

import "runtime"

// Isolation says why user, pid and mount namespaces cannot be had here.
func Isolation() string { return "no namespaces on " + runtime.GOOS }

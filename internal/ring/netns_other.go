//go:build !linux

package ring

import "runtime"

// Netns says why networks of namespaces cannot be built here.
func Netns() string { return "no network namespaces on " + runtime.GOOS }

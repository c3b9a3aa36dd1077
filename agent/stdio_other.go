//go:build !linux

package agent

// await does not wait: the read does.
func await() {}

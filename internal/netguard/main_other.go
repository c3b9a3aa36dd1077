//go:build !linux

package netguard

import "errors"

// Ready is the one line on stdout: the guard stands.
const Ready = "ready"

// Main fails: there are no network namespaces here.
func Main(string) error { return errors.New("network namespaces are Linux's") }

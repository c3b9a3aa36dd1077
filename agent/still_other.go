//go:build !unix

package agent

// Guests' memory is on the heap here, and only the runtime knows when to collect.
func holdStill() {}
func tidy()      {}

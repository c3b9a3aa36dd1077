// Package cgroup gives groups of processes hard limits, a freezer and exact
// accounts through Linux control groups, version 1 and 2, as far as this process
// may use them: as root, or where a part of the tree was delegated to its user.
//
// A [Manager] knows where groups can be made and which controllers work there; a
// [Group] is one. On other systems, and where nothing is delegated, the Manager
// has no controller and says why.
package cgroup

import "time"

// Controller is a kind of limit or account.
type Controller string

// The controllers this package uses.
const (
	CPU     Controller = "cpu"
	CPUAcct Controller = "cpuacct" // part of cpu in version 2, where it needs no limit to count
	Memory  Controller = "memory"
	Pids    Controller = "pids"
	Freezer Controller = "freezer"
)

var all = []Controller{CPU, CPUAcct, Memory, Pids, Freezer}

// Limits are a group's hard limits; 0 is no limit.
type Limits struct {
	CPU    float64 // cores
	Memory int64   // bytes
	Procs  int     // processes and threads
}

// Stat is what a group uses. Fields whose controller is missing are 0.
type Stat struct {
	CPU    time.Duration // since the group was made
	Memory int64         // bytes resident, without file caches
	Procs  int           // processes and threads now
}

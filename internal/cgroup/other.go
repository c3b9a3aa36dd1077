//go:build !linux

package cgroup

import (
	"errors"
	"time"
)

// Manager makes no groups here.
type Manager struct{}

// Find answers with a Manager that has nothing.
func Find(string) *Manager { return &Manager{} }

// Has tells whether c works.
func (*Manager) Has(Controller) bool { return false }

// Missing says in words what does not work and why.
func (*Manager) Missing() []string { return []string{"control groups: only on Linux"} }

// Sweep has nothing to do.
func (*Manager) Sweep() error { return nil }

// New is refused.
func (*Manager) New(string, Limits) (*Group, error) {
	return nil, errors.New("control groups are for Linux")
}

// ErrNoFreezer tells that the freezer controller is missing.
var ErrNoFreezer = errors.New("no freezer control group")

// Own is empty.
func Own() *Group { return &Group{} }

// Of is nobody's.
func Of(int, string) *Group { return nil }

// Group does not exist here.
type Group struct{}

// Close has nothing to do.
func (*Group) Close() {}

// Add is refused.
func (*Group) Add(int) error { return ErrNoFreezer }

// Stat is empty.
func (*Group) Stat() Stat { return Stat{} }

// Events are none.
func (*Group) Events() (oomKills, forkRefused int64) { return 0, 0 }

// CPUTime is 0.
func (*Group) CPUTime() time.Duration { return 0 }

// Freeze is refused.
func (*Group) Freeze(time.Duration) error { return ErrNoFreezer }

// Thaw is refused.
func (*Group) Thaw() error { return ErrNoFreezer }

// Kill has nothing to do.
func (*Group) Kill() error { return nil }

// Remove has nothing to do.
func (*Group) Remove() error { return nil }

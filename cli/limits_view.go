package cli

import (
	"strconv"
	"strings"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// limitsView is the limits in force, and beside them what the owner set.
type limitsView struct {
	api.Limits
	Set api.Limits `json:"set"`
}

func (v limitsView) facts() [][2]string {
	idle := "need not be"
	if v.Idle > 0 {
		idle = "for " + v.Idle.String()
	}
	return [][2]string{
		{"all guests", caps(v.Total, v.Set.Total)},
		{"one peer", caps(v.PerPeer, v.Set.PerPeer)},
		{"one sandbox", caps(v.PerGuest, v.Set.PerGuest)},
		{"longest task", v.MaxWall.String() + unset(v.Set.MaxWall == 0)},
		{"most output", bytesOf(v.MaxOut) + unset(v.Set.MaxOut == 0)},
		{"most processes", strconv.Itoa(v.MaxProcs) + unset(v.Set.MaxProcs == 0)},
		{"images kept", bytesOf(v.Images) + unset(v.Set.Images == 0)},
		{"hours", or(strings.Join(v.Hours, "; "), "always") + unset(len(v.Set.Hours) == 0)},
		{"machine idle", idle + unset(v.Set.Idle == 0)},
		{"runtimes", or(names(v.Runtimes), "none") + unset(v.Set.Runtimes == nil)},
	}
}

// caps is a vector of limits in words.
func caps(force, set api.Resources) string {
	parts := []string{
		plainCores(force.CPU) + unset(set.CPU == 0),
		bytesOf(force.Memory) + " memory" + unset(set.Memory == 0),
		bytesOf(force.Disk) + " disk" + unset(set.Disk == 0),
	}
	if force.Disk < set.Disk {
		parts[2] += " (free now, of " + bytesOf(set.Disk) + ")"
	}
	if force.GPU > 0 || set.GPU > 0 {
		parts = append(parts, plural(int64(force.GPU), "GPU")+unset(set.GPU == 0))
	}
	return strings.Join(parts, ", ")
}

// unset marks what the owner left to the default.
func unset(is bool) string {
	if is {
		return " (default)"
	}
	return ""
}

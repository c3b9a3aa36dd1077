package cgroup

import (
	"os"
	"slices"
	"strconv"
	"strings"
)

// Own is the group that this process is in, to be read only. In a container that
// is the container's. What is not mounted counts as 0.
func Own() *Group { return of("self", "") }

// Of is the group of a process of this machine, to be read only, if the group's
// name has part in it; else nil: then it is another process that has the number.
func Of(pid int, part string) *Group {
	return of(strconv.Itoa(pid), part)
}

func of(pid, part string) *Group {
	g := &Group{m: &Manager{dirs: make(map[Controller]string)}}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return g
	}
	own, err := os.ReadFile("/proc/" + pid + "/cgroup")
	if part != "" && !strings.Contains(string(own), part) {
		return nil
	}
	if err == nil {
		g.m.findOwn(string(mounts), string(own))
	}
	return g
}

func (m *Manager) findOwn(mounts, own string) {
	groups := parseOwn(own)
	var unified string
	for _, mnt := range parseMounts(mounts) {
		if mnt.unified {
			unified, _ = mnt.dir(groups[""])
			continue
		}
		for _, c := range all {
			if slices.Contains(mnt.opts, string(c)) {
				m.dirs[c], _ = mnt.dir(groups[string(c)])
			}
		}
	}
	if len(m.dirs) > 0 || unified == "" {
		return // version 1 rules here; the unified tree has nothing but processes
	}
	m.unified = true
	for _, c := range all {
		m.dirs[c] = unified
	}
}

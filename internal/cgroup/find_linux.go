package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Manager makes groups. It is safe for concurrent use.
type Manager struct {
	prefix  string
	dirs    map[Controller]string // folder that groups are made in
	unified bool                  // version 2: all in one folder
	missing []string
}

// Find looks for what this process may use. Groups will have names that begin
// with prefix, which also tells them from others' in [Manager.Sweep].
func Find(prefix string) *Manager {
	m := &Manager{prefix: prefix, dirs: make(map[Controller]string)}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err == nil {
		var own []byte
		if own, err = os.ReadFile("/proc/self/cgroup"); err == nil {
			m.find(string(mounts), string(own))
		}
	}
	if err != nil {
		m.missing = append(m.missing, "control groups: "+err.Error())
	}
	return m
}

// mount is a cgroup file system.
type mount struct {
	at, root string // where it is, and which group of the hierarchy that shows
	opts     []string
	unified  bool
}

func parseMounts(info string) []mount {
	var out []mount
	for line := range strings.Lines(info) {
		left, right, ok := strings.Cut(strings.TrimSpace(line), " - ")
		f, g := strings.Fields(left), strings.Fields(right)
		if !ok || len(f) < 5 || len(g) < 3 || g[0] != "cgroup" && g[0] != "cgroup2" {
			continue
		}
		out = append(out, mount{at: f[4], root: f[3], opts: strings.Split(g[2], ","), unified: g[0] == "cgroup2"})
	}
	return out
}

// parseOwn reads /proc/self/cgroup: controller (empty: version 2) -> own group.
func parseOwn(own string) map[string]string {
	out := make(map[string]string)
	for line := range strings.Lines(own) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) != 3 {
			continue
		}
		for _, c := range strings.Split(f[1], ",") {
			out[c] = f[2]
		}
	}
	return out
}

// dir is where group is seen below mnt.
func (mnt mount) dir(group string) (string, bool) {
	rel, err := filepath.Rel(mnt.root, group)
	if err != nil || strings.HasPrefix(rel, "..") {
		return mnt.at, false // a namespace that shows another part: its top is what there is
	}
	return filepath.Join(mnt.at, rel), true
}

func (m *Manager) find(mounts, own string) {
	groups := parseOwn(own)
	for _, mnt := range parseMounts(mounts) {
		if mnt.unified {
			m.findUnified(mnt, groups[""])
			continue
		}
		for _, c := range all {
			if slices.Contains(mnt.opts, string(c)) {
				dir, _ := mnt.dir(groups[string(c)])
				if why := m.try(dir); why != nil {
					m.missing = append(m.missing, fmt.Sprintf("%s limits by control group: %v", c, why))
				} else {
					m.dirs[c] = dir
				}
			}
		}
	}
	for _, c := range all {
		if m.dirs[c] == "" && len(m.missing) == 0 {
			m.missing = append(m.missing, fmt.Sprintf("%s control group: not mounted or not delegated to this user", c))
		}
	}
}

// try makes a group and removes it again.
func (m *Manager) try(dir string) error {
	d, err := os.MkdirTemp(dir, m.prefix+"-try-*")
	if err != nil {
		return plain(err)
	}
	return plain(os.Remove(d))
}

func plain(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// findUnified takes the nearest group above this process's own in which groups
// with controllers can be made: its own cannot, for it has processes in it, but
// for the top one.
func (m *Manager) findUnified(mnt mount, group string) {
	dir, ok := mnt.dir(group)
	if !ok || len(m.dirs) > 0 && m.dirs[Memory] != "" {
		return // version 1 rules here; the unified tree has nothing but processes
	}
	for ; strings.HasPrefix(dir, mnt.at); dir = filepath.Dir(dir) {
		if dir != mnt.at && dir == mustDir(mnt, group) {
			continue
		}
		if unix.Access(filepath.Join(dir, "cgroup.procs"), unix.W_OK) != nil || m.try(dir) != nil {
			continue
		}
		control := filepath.Join(dir, "cgroup.subtree_control")
		for _, c := range []Controller{CPU, Memory, Pids} {
			// Refused where it is not delegated; what counts is what is on afterwards.
			_ = os.WriteFile(control, []byte("+"+string(c)), 0)
		}
		b, err := os.ReadFile(control)
		if err != nil {
			continue
		}
		for _, c := range strings.Fields(string(b)) {
			if slices.Contains(all, Controller(c)) {
				m.dirs[Controller(c)] = dir
			}
		}
		m.dirs[Freezer], m.dirs[CPUAcct], m.unified = dir, dir, true
		return
	}
}

func mustDir(mnt mount, group string) string {
	d, _ := mnt.dir(group)
	return d
}

// Has tells whether c works.
func (m *Manager) Has(c Controller) bool { return m.dirs[c] != "" }

// Missing says in words what does not work and why.
func (m *Manager) Missing() []string { return slices.Clone(m.missing) }

// folders are the distinct folders that groups are made in.
func (m *Manager) folders() []string {
	var out []string
	for _, c := range all {
		if d := m.dirs[c]; d != "" && !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	return out
}

// Sweep kills and removes every group with this Manager's prefix: what an
// earlier process left behind.
func (m *Manager) Sweep() error {
	var errs []error
	for _, dir := range m.folders() {
		left, err := filepath.Glob(filepath.Join(dir, m.prefix+"-*"))
		errs = append(errs, err)
		for _, d := range left {
			g := &Group{m: m, name: filepath.Base(d)}
			errs = append(errs, g.Remove())
		}
	}
	return errors.Join(errs...)
}

package plugin

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// group is one of an inventory.
type group struct {
	Hosts    map[string]map[string]any `yaml:"hosts,omitempty"`
	Vars     map[string]any            `yaml:"vars,omitempty"`
	Children map[string]*group         `yaml:"children,omitempty"`
}

// inventory is a plugin's own with host in place of its hosts, in the YAML form.
// vars are the host's, over those of the plugin's first host; how the plugin's hosts
// are reached is left out.
func inventory(dir, host string, vars map[string]any) ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(dir, hostsFile))
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	groups := map[string]*group{}
	if yaml.Unmarshal(b, &groups) != nil {
		if groups, err = fromINI(string(b)); err != nil {
			return nil, err
		}
	}
	all := groups["all"]
	if all == nil {
		all = &group{}
	}
	delete(groups, "all")
	if all.Children == nil {
		all.Children = map[string]*group{}
	}
	maps.Copy(all.Children, groups)
	if !all.take(host, vars) {
		all.Hosts = map[string]map[string]any{host: vars}
	}
	out, err := yaml.Marshal(map[string]*group{"all": all})
	if err != nil {
		return nil, api.Errorf(api.KindInvalid, "the plugin's %s: %w", hostsFile, err)
	}
	return out, nil
}

// take puts host where hosts are, and tells whether there were any.
func (g *group) take(host string, vars map[string]any) (took bool) {
	clear := func(m map[string]any) {
		maps.DeleteFunc(m, func(name string, _ any) bool { return connects(name) })
	}
	clear(g.Vars)
	if len(g.Hosts) > 0 {
		own := map[string]any{}
		for _, theirs := range g.Hosts {
			maps.Copy(own, theirs)
		}
		clear(own)
		maps.Copy(own, vars)
		g.Hosts, took = map[string]map[string]any{host: own}, true
	}
	for name, child := range g.Children {
		if child == nil {
			child = &group{}
			g.Children[name] = child
		}
		took = child.take(host, vars) || took
	}
	return took
}

// connects tells whether a variable says how a host is reached.
func connects(name string) bool {
	switch name {
	case "ansible_host", "ansible_port", "ansible_user", "ansible_password", "ansible_connection", "ansible_sudo_pass",
		"ansible_become_pass", "ansible_become_password", "ansible_private_key_file":
		return true
	}
	return strings.HasPrefix(name, "ansible_ssh_")
}

// The lines of INI inventories that name groups.
var (
	section = regexp.MustCompile(`^\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?$`)
	child   = regexp.MustCompile(`^([^:\]\s]+)\s*(?:#.*)?$`)
)

// fromINI reads the older form of inventories, as Ansible does.
func fromINI(text string) (map[string]*group, error) {
	groups := map[string]*group{}
	at := func(name string) *group {
		if groups[name] == nil {
			groups[name] = &group{Hosts: map[string]map[string]any{}, Vars: map[string]any{}, Children: map[string]*group{}}
		}
		return groups[name]
	}
	name, kind := "ungrouped", ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		if m := section.FindStringSubmatch(line); m != nil {
			name, kind = m[1], m[2]
			at(name)
			continue
		}
		switch kind {
		case "children":
			if m := child.FindStringSubmatch(line); m != nil {
				at(name).Children[m[1]] = at(m[1])
			}
		case "vars":
			k, v, _ := strings.Cut(line, "=")
			at(name).Vars[strings.TrimSpace(k)] = value(strings.TrimSpace(v))
		default:
			words, ok := shellWords(line)
			if !ok || len(words) == 0 {
				return nil, api.Errorf(api.KindInvalid, "the plugin's %s: %.80q cannot be read", hostsFile, line)
			}
			vars := map[string]any{}
			for _, w := range words[1:] {
				if k, v, ok := strings.Cut(w, "="); ok {
					vars[k] = value(v)
				}
			}
			at(name).Hosts[words[0]] = vars
		}
	}
	for _, g := range groups { // below its parents is enough
		for child := range g.Children {
			delete(groups, child)
		}
	}
	return groups, nil
}

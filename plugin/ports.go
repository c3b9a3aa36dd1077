package plugin

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/atomicfile"
)

// Ports says which ports of which container were given to which plugin: one that runs
// again is given the same.
type Ports struct {
	path  string
	given map[api.ContainerID]map[string][]int
}

// OpenPorts reads the folder's.
func (f *Folder) OpenPorts() (*Ports, error) {
	p := &Ports{path: filepath.Join(f.dir, portsFile), given: map[api.ContainerID]map[string][]int{}}
	b, err := os.ReadFile(p.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, api.Errorf(api.KindInternal, "%w", err)
	}
	if err == nil && json.Unmarshal(b, &p.given) != nil {
		return nil, api.Errorf(api.KindCorrupt, "%s makes no sense", p.path).WithHint("remove it: plugins are then given ports anew")
	}
	return p, nil
}

// Give gives a plugin its number of a container's ports: those it had, then free ones,
// in the order of has. free tells whether nothing listens on one.
func (p *Ports) Give(plugin Plugin, c api.Container, free func(port int) bool) ([]int, error) {
	had := p.given[c.ID][plugin.Name]
	taken := map[int]bool{}
	for name, ports := range p.given[c.ID] {
		for _, port := range ports {
			taken[port] = taken[port] || name != plugin.Name
		}
	}
	ports := []int{}
	for _, pass := range []bool{true, false} { // first those it had
		for _, has := range c.Ports {
			if len(ports) < plugin.Ports && slices.Contains(had, has.Inside) == pass && !taken[has.Inside] && (pass || free(has.Inside)) {
				ports = append(ports, has.Inside)
			}
		}
	}
	if len(ports) < plugin.Ports {
		return nil, api.Errorf(api.KindQuota, "plugin %s needs %d free ports, and container %s has %d", plugin.Name, plugin.Ports, c.Name, len(ports)).
			WithHint("publish more when the container is made: p2prc container create ... --publish 8080")
	}
	if p.given[c.ID] == nil {
		p.given[c.ID] = map[string][]int{}
	}
	p.given[c.ID][plugin.Name] = ports
	return ports, nil
}

// Save makes what was given durable; containers that keep does not name are forgotten.
func (p *Ports) Save(keep []api.Container) error {
	for id := range p.given {
		if !slices.ContainsFunc(keep, func(c api.Container) bool { return c.ID == id }) {
			delete(p.given, id)
		}
	}
	b, err := json.Marshal(p.given)
	if err == nil {
		err = atomicfile.Write(p.path, b)
	}
	if err != nil {
		return api.Errorf(api.KindInternal, "the plugins' ports cannot be written: %w", err)
	}
	return nil
}

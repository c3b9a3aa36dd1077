package container

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// maxGroups bounds the groups.
const maxGroups = 200

// group is a named set of containers. Names of groups and of containers are never
// the same, so that a command that takes one can take the other.
type group struct {
	Name    string            `json:"name"`
	Members []api.ContainerID `json:"members"`
}

func (b *Book) openGroups(ctx context.Context) error {
	return b.cfg.Groups.Load(ctx, func(doc []byte) error {
		var g group
		if err := json.Unmarshal(doc, &g); err != nil {
			return api.Errorf(api.KindCorrupt, "the book of groups: %w", err)
		}
		b.groups[g.Name] = g
		return nil
	})
}

// Groups lists the groups, after the lenders were asked which containers have ended.
func (b *Book) Groups(ctx context.Context) []api.Group {
	b.List(ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	all := []api.Group{}
	for _, g := range b.groups {
		all = append(all, b.namedLocked(g))
	}
	slices.SortFunc(all, func(x, y api.Group) int { return cmp.Compare(x.Name, y.Name) })
	return all
}

// Group is one of them.
func (b *Book) Group(ctx context.Context, name string) (api.Group, error) {
	if _, err := b.group(name); err != nil {
		return api.Group{}, err
	}
	b.List(ctx)
	g, err := b.group(name)
	if err != nil {
		return api.Group{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.namedLocked(g), nil
}

func (b *Book) group(name string) (group, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	g, ok := b.groups[name]
	if !ok {
		return g, api.Errorf(api.KindNotFound, "there is no group %.80q", name).WithHint("p2prc group ls lists them")
	}
	return g, nil
}

// namedLocked is a group with the names of its containers; b.mu is held.
func (b *Book) namedLocked(g group) api.Group {
	out := api.Group{Name: g.Name, Containers: []string{}}
	for _, e := range b.entries {
		if slices.Contains(g.Members, e.ID) {
			out.Containers = append(out.Containers, e.Spec.Name)
		}
	}
	slices.Sort(out.Containers)
	return out
}

// CreateGroup makes a group.
func (b *Book) CreateGroup(ctx context.Context, spec api.Group) (api.Group, error) {
	ids, err := b.idsOf(spec.Containers)
	if err != nil {
		return api.Group{}, err
	}
	b.changing.Lock()
	defer b.changing.Unlock()
	b.mu.Lock()
	_, taken := b.groups[spec.Name]
	_, box := b.entries[spec.Name]
	full := len(b.groups) >= maxGroups
	b.mu.Unlock()
	switch {
	case taken:
		return api.Group{}, api.Errorf(api.KindConflict, "a group is called %s already", spec.Name)
	case box:
		return api.Group{}, api.Errorf(api.KindConflict, "a container is called %s, and a group would be mistaken for it", spec.Name)
	case full:
		return api.Group{}, api.Errorf(api.KindQuota, "%d groups are there, which is the most", maxGroups)
	}
	return b.saveGroup(ctx, group{spec.Name, ids})
}

// AddToGroup puts containers into a group; one that is in it stays.
func (b *Book) AddToGroup(ctx context.Context, name string, containers []string) (api.Group, error) {
	return b.changeGroup(ctx, name, containers, func(have, ids []api.ContainerID) []api.ContainerID { return append(have, ids...) })
}

// RemoveFromGroup takes containers out of a group.
func (b *Book) RemoveFromGroup(ctx context.Context, name string, containers []string) (api.Group, error) {
	return b.changeGroup(ctx, name, containers, without)
}

func without(have, ids []api.ContainerID) []api.ContainerID {
	return slices.DeleteFunc(have, func(id api.ContainerID) bool { return slices.Contains(ids, id) })
}

func (b *Book) changeGroup(ctx context.Context, name string, containers []string, change func(have, ids []api.ContainerID) []api.ContainerID) (api.Group, error) {
	ids, err := b.idsOf(containers)
	if err != nil {
		return api.Group{}, err
	}
	b.changing.Lock()
	defer b.changing.Unlock()
	g, err := b.group(name)
	if err != nil {
		return api.Group{}, err
	}
	g.Members = change(slices.Clone(g.Members), ids)
	return b.saveGroup(ctx, g)
}

// saveGroup makes a group durable, each member once; b.changing is held.
func (b *Book) saveGroup(ctx context.Context, g group) (api.Group, error) {
	slices.Sort(g.Members)
	g.Members = slices.Compact(g.Members)
	if err := b.cfg.Groups.Save(ctx, g.Name, g); err != nil {
		return api.Group{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.groups[g.Name] = g
	return b.namedLocked(g), nil
}

// RemoveGroup forgets a group.
func (b *Book) RemoveGroup(ctx context.Context, name string) error {
	b.changing.Lock()
	defer b.changing.Unlock()
	if _, err := b.group(name); err != nil {
		return err
	}
	if err := b.cfg.Groups.Drop(ctx, name); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.groups, name)
	return nil
}

// leaveGroups takes a container that has ended out of every group.
func (b *Book) leaveGroups(ctx context.Context, id api.ContainerID) {
	b.changing.Lock()
	defer b.changing.Unlock()
	b.mu.Lock()
	var changed []group
	for _, g := range b.groups {
		if slices.Contains(g.Members, id) {
			g.Members = without(slices.Clone(g.Members), []api.ContainerID{id})
			changed = append(changed, g)
		}
	}
	b.mu.Unlock()
	for _, g := range changed {
		if _, err := b.saveGroup(ctx, g); err != nil {
			b.cfg.Log.Error("a container that ended stays in its group", "group", g.Name, "err", err)
		}
	}
}

func (b *Book) idsOf(names []string) ([]api.ContainerID, error) {
	ids := []api.ContainerID{}
	for _, name := range names {
		e, err := b.find(name)
		if err != nil {
			return nil, err
		}
		ids = append(ids, e.ID)
	}
	return ids, nil
}

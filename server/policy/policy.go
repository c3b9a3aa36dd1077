// Package policy decides who may do what on this machine: one table of rules
// (subject x action x resource, the first row that matches decides, no row means
// no) and the caps within which a guest that may run is held. It is pure: no
// state, no clock, no I/O.
package policy

import (
	"iter"
	"slices"
	"strings"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// maxRules keeps a table readable, and a decision cheap.
const maxRules = 1000

// Default is the table of an owner who wrote none: everybody whose role borrows
// may run on the runtimes that are lent, and have containers and bring images
// where docker is. Nobody is given a network.
func Default(lent []api.RuntimeName) []api.Rule {
	var rules []api.Rule
	for _, name := range api.Runtimes() {
		if !slices.Contains(lent, name) {
			continue
		}
		for _, role := range []api.Role{api.RoleMember, api.RoleAdmin, api.RoleBorrower} {
			rules = append(rules, api.Rule{Subject: "role:" + string(role), Action: api.ActionRun, Resource: api.RuntimeResource(name), Allow: true})
			if name == api.RuntimeDocker {
				rules = append(rules, api.Rule{Subject: "role:" + string(role), Action: api.ActionContainer, Resource: api.RuntimeResource(name), Allow: true})
				rules = append(rules, api.Rule{Subject: "role:" + string(role), Action: api.ActionImage, Resource: api.RuntimeResource(name), Allow: true})
			}
		}
	}
	return append(rules, api.Rule{Subject: "*", Action: "*", Resource: "*"})
}

// Decision is what the table says, and by which row.
type Decision struct {
	Allow  bool
	Row    int  // the row that decided, from 0; -1 if none matched
	ByName bool // the row names this very peer
}

// Decide finds the first row that matches.
func Decide(rules []api.Rule, who api.Caller, action, resource string) Decision {
	for i, r := range rules {
		if api.Covers(r.Action, action) && api.Covers(r.Resource, resource) && about(r, who) {
			return Decision{Allow: r.Allow, Row: i, ByName: r.Subject == string(who.Peer)}
		}
	}
	return Decision{Row: -1}
}

// about tells whether a row's subject is who asks.
func about(r api.Rule, who api.Caller) bool {
	return r.Subject == "*" || r.Subject == "role:"+string(who.Role) || who.Peer != "" && r.Subject == string(who.Peer)
}

// Grants tells whether the table allows something to anybody.
func Grants(rules []api.Rule, action, resource string) bool {
	for _, r := range rules {
		if api.Covers(r.Action, action) && api.Covers(r.Resource, resource) && (r.Allow || r.Subject == "*") {
			return r.Allow
		}
	}
	return false
}

// Gateway tells whether the table lets anybody have ports or domains at this node.
func Gateway(rules []api.Rule) bool {
	return slices.ContainsFunc(rules, func(r api.Rule) bool {
		_, _, ports := api.ListenPorts(r.Resource)
		return r.Allow && api.Covers(r.Action, api.ActionMap) && (ports || strings.HasPrefix(r.Resource, "domain:"))
	})
}

const (
	unprivileged = 1024 // the first port that is not the administrator's
	mostPorts    = 1024 // of a row's range that are looked at
)

// Ports are the ports that the table lets somebody have opened, as its rows name
// them; of a row for all of them those that need no privilege.
func Ports(rules []api.Rule, who api.Caller) iter.Seq[int] {
	return func(yield func(int) bool) {
		for _, r := range rules {
			first, last, ok := api.ListenPorts(r.Resource)
			if !ok || !r.Allow || !about(r, who) {
				continue
			}
			if last == 65535 {
				first = max(first, unprivileged)
			}
			for port := first; port <= min(last, first+mostPorts-1); port++ {
				if Decide(rules, who, api.ActionMap, api.ListenResource(port)).Allow && !yield(port) {
					return
				}
			}
		}
	}
}

// CheckRules refuses, as KindInvalid, a table with a row that says nothing that
// can be understood, or that can never decide because an earlier row is the same.
func CheckRules(rules []api.Rule) error {
	if len(rules) > maxRules {
		return api.Errorf(api.KindInvalid, "a policy of %d rows, limit %d", len(rules), maxRules)
	}
	type where struct{ subject, action, resource string }
	seen := map[where]int{}
	for i, r := range rules {
		if err := r.Check(); err != nil {
			err.Msg = "policy row " + itoa(i+1) + ": " + err.Msg
			return err
		}
		key := where{r.Subject, r.Action, r.Resource}
		if first, dup := seen[key]; dup {
			return api.Errorf(api.KindInvalid, "policy row %d can never decide: row %d says the same", i+1, first+1).
				WithHint("the first row that matches decides; remove one of the two")
		}
		seen[key] = i
	}
	return nil
}

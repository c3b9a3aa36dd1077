// Package policy decides who may do what on this machine: one table of rules
// (subject x action x resource, the first row that matches decides, no row means
// no) and the caps within which a guest that may run is held. It is pure: no
// state, no clock, no I/O.
package policy

import (
	"regexp"
	"slices"
	"strings"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// What a rule may allow.
const (
	ActionRun       = "run"       // executing tasks in a sandbox of a runtime
	ActionContainer = "container" // having long-lived containers of a runtime
	ActionImage     = "image"     // bringing images for a runtime
	ActionNetwork   = "network"   // being on a network of guests
)

// maxRules keeps a table readable, and a decision cheap.
const maxRules = 1000

// Actions lists what a rule may speak of; later capabilities append theirs.
func Actions() []string { return []string{ActionRun, ActionContainer, ActionImage, ActionNetwork} }

// Runtimes lists the runtimes a rule and the limits may name.
func Runtimes() []api.RuntimeName {
	return []api.RuntimeName{api.RuntimeWasm, api.RuntimeDocker, api.RuntimeProcess}
}

// RuntimeResource is a runtime as a rule's resource names it.
func RuntimeResource(name api.RuntimeName) string { return "runtime:" + string(name) }

// Networks lists the networks a rule may name; none needs no rule.
func Networks() []api.GuestNetwork { return []api.GuestNetwork{api.GuestFiltered, api.GuestOpen} }

// NetworkResource is a network as a rule's resource names it.
func NetworkResource(name api.GuestNetwork) string { return "network:" + string(name) }

// Default is the table of an owner who wrote none: everybody whose role borrows
// may run on the runtimes that are lent, and have containers and bring images
// where docker is. Nobody is given a network.
func Default(lent []api.RuntimeName) []api.Rule {
	var rules []api.Rule
	for _, name := range Runtimes() {
		if !slices.Contains(lent, name) {
			continue
		}
		for _, role := range []api.Role{api.RoleMember, api.RoleAdmin, api.RoleBorrower} {
			rules = append(rules, api.Rule{Subject: "role:" + string(role), Action: ActionRun, Resource: RuntimeResource(name), Allow: true})
			if name == api.RuntimeDocker {
				rules = append(rules, api.Rule{Subject: "role:" + string(role), Action: ActionContainer, Resource: RuntimeResource(name), Allow: true})
				rules = append(rules, api.Rule{Subject: "role:" + string(role), Action: ActionImage, Resource: RuntimeResource(name), Allow: true})
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
		if !matches(r.Action, action) || !matches(r.Resource, resource) {
			continue
		}
		named := who.Peer != "" && r.Subject == string(who.Peer)
		if named || r.Subject == "*" || r.Subject == "role:"+string(who.Role) {
			return Decision{Allow: r.Allow, Row: i, ByName: named}
		}
	}
	return Decision{Row: -1}
}

// Grants tells whether the table allows something to anybody.
func Grants(rules []api.Rule, action, resource string) bool {
	for _, r := range rules {
		if matches(r.Action, action) && matches(r.Resource, resource) && (r.Allow || r.Subject == "*") {
			return r.Allow
		}
	}
	return false
}

func matches(pattern, value string) bool { return pattern == "*" || pattern == value }

var peerID = regexp.MustCompile(`^[1-9A-HJ-NP-Za-km-z]{8,100}$`)

// CheckRules refuses, as KindInvalid, a table with a row that says nothing that
// can be understood, or that can never decide because an earlier row is the same.
func CheckRules(rules []api.Rule) error {
	if len(rules) > maxRules {
		return api.Errorf(api.KindInvalid, "a policy of %d rows, limit %d", len(rules), maxRules)
	}
	type where struct{ subject, action, resource string }
	seen := map[where]int{}
	for i, r := range rules {
		if err := checkRule(r); err != nil {
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

func checkRule(r api.Rule) *api.Error {
	if role, ok := strings.CutPrefix(r.Subject, "role:"); ok {
		if !api.Role(role).Valid() {
			return api.Errorf(api.KindInvalid, "unknown role %q", role).WithHint("roles are member, lender, borrower and admin")
		}
	} else if r.Subject != "*" && !peerID.MatchString(r.Subject) {
		return api.Errorf(api.KindInvalid, "subject %q is neither a peer id nor role:NAME nor *", r.Subject)
	}
	if r.Action != "*" && !slices.Contains(Actions(), r.Action) {
		return api.Errorf(api.KindInvalid, "unknown action %q", r.Action).WithHint("actions are %s and *", strings.Join(Actions(), ", "))
	}
	if r.Resource == "*" {
		return nil
	}
	net, isNet := strings.CutPrefix(r.Resource, "network:")
	name, isRuntime := strings.CutPrefix(r.Resource, "runtime:")
	switch {
	case isNet && slices.Contains(Networks(), api.GuestNetwork(net)):
	case isRuntime && slices.Contains(Runtimes(), api.RuntimeName(name)):
	default:
		return api.Errorf(api.KindInvalid, "unknown resource %q", r.Resource).WithHint("write runtime:wasm, runtime:docker, runtime:process, network:filtered, network:open or *")
	}
	if isNet != (r.Action == ActionNetwork) && r.Action != "*" {
		return api.Errorf(api.KindInvalid, "action %s cannot be on %s: the row can never decide", r.Action, r.Resource).WithHint("networks are for action network, runtimes for the others")
	}
	return nil
}

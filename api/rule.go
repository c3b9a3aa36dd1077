package api

import (
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// What a rule may allow, and on what.
const (
	ActionRun       = "run"       // executing tasks in a sandbox; on runtime:NAME
	ActionContainer = "container" // having long-lived containers; on runtime:NAME
	ActionShell     = "shell"     // having a shell in a sandbox of this machine's own programs; on runtime:process
	ActionImage     = "image"     // bringing images; on runtime:NAME
	ActionPull      = "pull"      // having images pulled from their registries; on image:NAME
	ActionNetwork   = "network"   // being on a network of guests; on network:NAME
	ActionForward   = "forward"   // connections; on port:PORTS of this machine, and on host:NAME:PORTS beside it
	ActionMap       = "map"       // opening to everybody: those same, and listen:PORTS and domain:NAMES for members' own
)

// Actions lists what a rule may speak of.
func Actions() []string {
	return []string{ActionRun, ActionContainer, ActionShell, ActionImage, ActionPull, ActionNetwork, ActionForward, ActionMap}
}

// Runtimes lists the runtimes there are.
func Runtimes() []RuntimeName { return []RuntimeName{RuntimeWasm, RuntimeDocker, RuntimeProcess} }

// ownRuntime is how an embedding program calls a runtime of its own.
var ownRuntime = regexp.MustCompile(`^x-[a-z0-9][a-z0-9-]{0,37}$`)

// Valid tells whether r is one of the runtimes there are, or a name for one of an
// embedding program's: x- and lower-case letters, digits and dashes.
func (r RuntimeName) Valid() bool {
	return slices.Contains(Runtimes(), r) || ownRuntime.MatchString(string(r))
}

// Networks lists the networks a rule may name; none needs no rule.
func Networks() []GuestNetwork { return []GuestNetwork{GuestFiltered, GuestOpen} }

// RuntimeResource is a runtime as a rule's resource names it.
func RuntimeResource(name RuntimeName) string { return "runtime:" + string(name) }

// NetworkResource is a network as a rule's resource names it.
func NetworkResource(name GuestNetwork) string { return "network:" + string(name) }

var peerID = regexp.MustCompile(`^[1-9A-HJ-NP-Za-km-z]{20,100}$`)

// Check refuses, as KindInvalid, a row that says nothing that can be understood,
// or that can never decide.
func (r Rule) Check() *Error {
	if role, ok := strings.CutPrefix(r.Subject, "role:"); ok {
		if !Role(role).Valid() {
			return Errorf(KindInvalid, "unknown role %q", role).WithHint("roles are member, lender, borrower and admin")
		}
	} else if r.Subject != "*" && !peerID.MatchString(r.Subject) {
		return Errorf(KindInvalid, "%q is not a subject", r.Subject).WithHint("a whole peer id, role:member, role:borrower, role:admin or *")
	}
	if r.Action != "*" && !slices.Contains(Actions(), r.Action) {
		return Errorf(KindInvalid, "%q is not an action", r.Action).WithHint("actions are %s and *", strings.Join(Actions(), ", "))
	}
	if r.Resource == "*" {
		return nil
	}
	on := r.actionsOn()
	if on == nil {
		return Errorf(KindInvalid, "%q is not a resource", r.Resource).
			WithHint("runtime:wasm, runtime:process, runtime:docker, network:filtered, network:open, image:debian, image:registry.example/team/*, port:5432, port:8000-8010, host:NAME:PORT, listen:8000-8010, domain:app.example.org, domain:*.example.org or *")
	}
	if r.Action != "*" && !slices.Contains(on, r.Action) {
		return Errorf(KindInvalid, "action %s cannot be on %s", r.Action, r.Resource).WithHint("that is for action %s", strings.Join(on, ", "))
	}
	return nil
}

// actionsOn is what can be done with the row's resource; nil if there is none such.
func (r Rule) actionsOn() []string {
	kind, name, _ := strings.Cut(r.Resource, ":")
	switch {
	case r.Resource == RuntimeResource(RuntimeProcess):
		return []string{ActionRun, ActionContainer, ActionShell, ActionImage}
	case kind == "runtime" && RuntimeName(name).Valid():
		return []string{ActionRun, ActionContainer, ActionImage}
	case kind == "network" && slices.Contains(Networks(), GuestNetwork(name)):
		return []string{ActionNetwork}
	case kind == "image" && imagePattern.MatchString(name) && !strings.HasPrefix(name, "docker.io/"): // people leave that out
		return []string{ActionPull}
	case kind == "domain" && domainPattern.MatchString(name) && len(name) <= maxDomain:
		return []string{ActionMap}
	}
	if kind, _, _, ok := portsOf(r.Resource); ok {
		if kind == "listen" {
			return []string{ActionMap}
		}
		return []string{ActionForward, ActionMap}
	}
	return nil
}

// Covers tells whether a row for pattern is one for resource too.
func Covers(pattern, resource string) bool {
	if pattern == "*" || pattern == resource {
		return true
	}
	if images, ok := strings.CutPrefix(pattern, "image:"); ok {
		name, is := strings.CutPrefix(resource, "image:")
		return is && coversImage(images, name)
	}
	if domains, ok := strings.CutPrefix(pattern, "domain:*"); ok {
		name, is := strings.CutPrefix(resource, "domain:")
		return is && strings.HasSuffix(name, domains)
	}
	kind, host, ports, ok := portsOf(pattern)
	asked, on, port, is := portsOf(resource)
	return ok && is && kind == asked && host == on && ports[0] <= port[0] && port[1] <= ports[1]
}

// domainPattern is a domain in its ASCII form, all below one, or every domain.
var domainPattern = regexp.MustCompile(`^(\*|(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)$`)

const maxDomain = 253

// imagePattern is an image's name, all below a place of a registry, or every image.
var imagePattern = regexp.MustCompile(`^([a-z0-9][A-Za-z0-9._:@/-]*(/\*)?|\*)$`)

// coversImage: a name without a tag stands for every tag.
func coversImage(pattern, name string) bool {
	if place, all := strings.CutSuffix(pattern, "*"); all {
		return strings.HasPrefix(name, place)
	}
	tag, ok := strings.CutPrefix(name, pattern)
	return ok && (tag == "" || tag[0] == ':' || tag[0] == '@') && !strings.Contains(tag, "/")
}

// ImageResource is an image as a rule's resource names it; without a tag it is the latest.
func ImageResource(name string) string {
	if last := name[strings.LastIndex(name, "/")+1:]; !strings.ContainsAny(last, ":@") {
		name += ":latest"
	}
	return "image:" + name
}

// PortResource is a port of this machine as a rule's resource names it.
func PortResource(port int) string { return "port:" + strconv.Itoa(port) }

// HostResource is a port of a host beside this machine, by the name that was asked for.
func HostResource(host string, port int) string {
	return "host:" + net.JoinHostPort(strings.ToLower(host), strconv.Itoa(port))
}

// ListenResource is a port that this node opens for a member.
func ListenResource(port int) string { return "listen:" + strconv.Itoa(port) }

// DomainResource is a domain that this node serves for a member.
func DomainResource(name string) string { return "domain:" + name }

// ListenPorts is the range of ports that a row's resource lets a node open.
func ListenPorts(resource string) (first, last int, ok bool) {
	if resource == "*" {
		resource = "listen:*"
	}
	kind, _, ports, ok := portsOf(resource)
	return ports[0], ports[1], ok && kind == "listen"
}

// portsOf reads port:PORTS, listen:PORTS or host:NAME:PORTS, where PORTS is one, a
// range A-B, or * for all.
func portsOf(resource string) (kind, host string, ports [2]int, ok bool) {
	kind, spec, _ := strings.Cut(resource, ":")
	switch kind {
	case "port", "listen":
	case "host":
		var err error
		if host, spec, err = net.SplitHostPort(spec); err != nil || host == "" || host != strings.ToLower(host) {
			return "", "", ports, false
		}
	default:
		return "", "", ports, false
	}
	if spec == "*" {
		return kind, host, [2]int{1, 65535}, true
	}
	from, to, isRange := strings.Cut(spec, "-")
	if !isRange {
		to = from
	}
	first, err := strconv.Atoi(from)
	last, err2 := strconv.Atoi(to)
	return kind, host, [2]int{first, last}, err == nil && err2 == nil && 1 <= first && first <= last && last <= 65535
}

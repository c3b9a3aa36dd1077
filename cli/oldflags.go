package cli

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// oldFlag is one of them.
type oldFlag struct {
	names []string
	value string // what stands after it; empty: nothing
	now   func(o oldLine) []string
}

// oldFlags is how the command line of the first P2PRC was written, with one dash or
// two, and what says the same now. It is the only place that knows of them.
var oldFlags = []oldFlag{
	{[]string{"Server", "s"}, "", always("up")},
	{[]string{"UpdateServerList", "us"}, "", always("peers", "refresh")},
	{[]string{"ListServers", "ls"}, "", always("peers")},
	{[]string{"AddServer", "as"}, "IP", func(o oldLine) []string { return []string{"peers", "add", o.address(o.value)} }},
	{[]string{"AddRootNode", "arn"}, "", func(o oldLine) []string { return []string{"peers", "add", o.address(o.need("ip", "IP"))} }},
	{[]string{"ViewImages", "vi"}, "PEER", func(o oldLine) []string { return []string{"template", "ls", o.value} }},
	{[]string{"CreateVM", "touch"}, "PEER", oldLine.create},
	{[]string{"RemoveVM", "rm"}, "PEER", func(o oldLine) []string { return []string{"container", "rm", o.need("id", "ID")} }},
	{[]string{"Specification", "specs"}, "PEER", func(o oldLine) []string { return []string{"specs", o.value} }},
	{[]string{"TrackedContainers", "tc"}, "", always("container", "ls")},
	{[]string{"CreateGroup", "cgroup"}, "G", func(o oldLine) []string { return []string{"group", "create", o.value} }},
	{[]string{"Groups", "groups"}, "", always("group", "ls")},
	{[]string{"Group", "group"}, "G", func(o oldLine) []string {
		if id := o.with["id"]; id != "" {
			return []string{"group", "add", o.value, id}
		}
		return []string{"group", "show", o.value}
	}},
	{[]string{"RemoveContainerGroup", "rmcgroup"}, "", func(o oldLine) []string {
		return []string{"group", "remove", o.need("Group", "G"), o.need("id", "C")}
	}},
	{[]string{"RemoveGroup", "rmgroup"}, "G", func(o oldLine) []string { return []string{"group", "rm", o.value} }},
	{[]string{"ViewPlugins", "vp"}, "", always("plugin", "ls")},
	{[]string{"ExecutePlugin", "plugin"}, "P", func(o oldLine) []string { return []string{"plugin", "run", o.value, o.need("id", "C-or-G")} }},
	{[]string{"PullPlugin", "pp"}, "URL", func(o oldLine) []string { return []string{"plugin", "pull", o.value} }},
	{[]string{"RemovePlugin", "rp"}, "P", func(o oldLine) []string { return []string{"plugin", "rm", o.value} }},
	{[]string{"MAPPort", "mp"}, "PORT", oldLine.mapPort},
	{[]string{"AddMetaData", "amd"}, "TEXT", func(o oldLine) []string { return []string{"meta", o.value} }},
	{[]string{"NetworkInterfaces", "ni"}, "", always("doctor")},
	{[]string{"SetDefaultConfig", "dc"}, "", always("config", "set", "--defaults")},
	{[]string{"ViewConfig", "vc"}, "", always("config", "get")},
}

// oldWith are those that only say more about another.
var oldWith = []oldFlag{
	{[]string{"p", "Ports"}, "N", nil},
	{[]string{"ip", "IP"}, "IP", nil},
	{[]string{"id", "ID"}, "ID", nil},
	{[]string{"gpu", "GPU"}, "", nil},
	{[]string{"cn", "ContainerName"}, "TEMPLATE", nil},
	{[]string{"bi", "BaseImage"}, "IMAGE", nil},
	{[]string{"dn", "DomainName"}, "DOMAIN", nil},
	{[]string{"ra", "RemoteAddress"}, "PEER", nil},
	{[]string{"udp", "UDP"}, "", nil},
}

// oldLine is a command line of the old kind.
type oldLine struct {
	flag    string // as it was typed
	value   string
	with    map[string]string // by the first of their names
	missing *string           // what a row needed and was not there
}

func always(w ...string) func(oldLine) []string { return func(oldLine) []string { return w } }

// need is what another flag says, without which the line means nothing.
func (o oldLine) need(name, what string) string {
	if o.with[name] == "" {
		*o.missing = fmt.Sprintf("%s needs --%s %s", o.flag, strings.ToLower(name), what)
	}
	return o.with[name]
}

func (o oldLine) address(ip string) string {
	const usual = "4001"
	return net.JoinHostPort(ip, or(o.with["p"], usual))
}

// create asks for as many ports as were asked for, from one on that little else uses.
func (o oldLine) create() []string {
	const firstPort = 20001
	now := []string{"container", "create", o.value}
	switch {
	case o.with["cn"] != "":
		now = append(now, "--template", o.with["cn"])
		if base := o.with["bi"]; base != "" {
			now = append(now, "--base", base)
		}
	default:
		now = append(now, "--image", or(o.with["bi"], "debian:12"))
	}
	n, err := strconv.Atoi(or(o.with["p"], "0"))
	if err != nil || n < 0 || n > 16 {
		*o.missing = "-p " + o.with["p"] + " is no number of ports"
	}
	for i := range n {
		now = append(now, "--publish", strconv.Itoa(firstPort+i))
	}
	if o.with["gpu"] != "" {
		now = append(now, "--gpus", "1")
	}
	return now
}

func (o oldLine) mapPort() []string {
	now := []string{"map", o.value}
	if domain := o.with["dn"]; domain != "" {
		now = append(now, "--domain", domain)
	}
	if peer := o.with["ra"]; peer != "" {
		now = append(now, "--on", peer)
	}
	if o.with["udp"] != "" {
		now = append(now, "--udp")
	}
	return now
}

// newForm is what a command line of the old kind is now; nil for any other.
func newForm(args []string) ([]string, error) {
	if len(args) == 0 || !strings.HasPrefix(args[0], "-") {
		return nil, nil
	}
	o := oldLine{with: map[string]string{}, missing: new(string)}
	var found []oldFlag
	for rest := args; len(rest) > 0; {
		typed, value, given := strings.Cut(rest[0], "=")
		rest = rest[1:]
		name := strings.TrimPrefix(strings.TrimPrefix(typed, "-"), "-")
		f, main := flagOf(name)
		switch {
		case name == typed || f.names == nil:
			return nil, nil // not of the old kind
		case f.value == "":
			value = "yes"
		case !given && len(rest) == 0:
			return nil, api.Errorf(api.KindUsage, "%s needs %s", typed, f.value)
		case !given:
			value, rest = rest[0], rest[1:]
		}
		o.with[f.names[0]] = value
		if main {
			found = append(found, f)
			if len(found) == 1 || f.names[0] != "Group" { // --group says more about --rmcgroup
				o.flag, o.value = typed, value
			}
		}
	}
	if len(found) > 1 {
		found = slices.DeleteFunc(found, func(f oldFlag) bool { return f.names[0] == "Group" })
	}
	if len(found) != 1 {
		return nil, nil
	}
	now := found[0].now(o)
	if *o.missing != "" {
		return nil, api.Errorf(api.KindUsage, "%s", *o.missing).WithHint("p2prc %s --help shows how it is now", strings.Join(now[:2], " "))
	}
	return now, nil
}

// flagOf finds a flag by any of its names; main: it stands for a command.
func flagOf(name string) (f oldFlag, main bool) {
	named := func(f oldFlag) bool { return slices.Contains(f.names, name) }
	if i := slices.IndexFunc(oldFlags, named); i >= 0 {
		return oldFlags[i], true
	}
	if i := slices.IndexFunc(oldWith, named); i >= 0 {
		return oldWith[i], false
	}
	return f, false
}

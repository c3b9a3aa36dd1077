package policy_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server/policy"
)

const (
	anna = api.PeerID("12D3KooWAnnaAnnaAnnaAnna")
	bert = api.PeerID("12D3KooWBertBertBertBert")
)

func TestDecide(t *testing.T) {
	table := []api.Rule{
		{Subject: string(bert), Action: "*", Resource: "*"},
		{Subject: string(anna), Action: "run", Resource: "runtime:process", Allow: true},
		{Subject: "role:member", Action: "run", Resource: "runtime:wasm", Allow: true},
		{Subject: "*", Action: "run", Resource: "runtime:docker", Allow: true},
	}
	for _, c := range []struct {
		peer     api.PeerID
		role     api.Role
		resource string
		allow    bool
		row      int
		byName   bool
	}{
		{anna, api.RoleMember, "runtime:wasm", true, 2, false},
		{anna, api.RoleMember, "runtime:process", true, 1, true},
		{anna, api.RoleBorrower, "runtime:wasm", false, -1, false},
		{anna, api.RoleBorrower, "runtime:docker", true, 3, false},
		{bert, api.RoleMember, "runtime:wasm", false, 0, true}, // the first row wins, also over his role's
		{bert, api.RoleMember, "runtime:docker", false, 0, true},
		{"", api.RoleMember, "runtime:process", false, -1, false},
	} {
		got := policy.Decide(table, api.Caller{Peer: c.peer, Role: c.role}, api.ActionRun, c.resource)
		if got.Allow != c.allow || got.Row != c.row || got.ByName != c.byName {
			t.Errorf("%s as %s on %s: %+v", c.peer, c.role, c.resource, got)
		}
	}
	if policy.Decide(table, api.Caller{Peer: anna, Role: api.RoleMember}, "map", "runtime:wasm").Allow {
		t.Error("another action is allowed")
	}
	if policy.Decide(nil, api.Caller{Peer: anna, Role: api.RoleAdmin}, api.ActionRun, "runtime:wasm").Allow {
		t.Error("no row, yet allowed")
	}
}

func TestDefaultTable(t *testing.T) {
	table := policy.Default([]api.RuntimeName{api.RuntimeWasm})
	if err := policy.CheckRules(table); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		role  api.Role
		name  api.RuntimeName
		allow bool
	}{
		{api.RoleMember, api.RuntimeWasm, true},
		{api.RoleAdmin, api.RuntimeWasm, true},
		{api.RoleBorrower, api.RuntimeWasm, true},
		{api.RoleLender, api.RuntimeWasm, false},
		{api.RoleMember, api.RuntimeProcess, false},
		{api.RoleAdmin, api.RuntimeDocker, false},
	} {
		if got := policy.Decide(table, api.Caller{Peer: anna, Role: c.role}, api.ActionRun, api.RuntimeResource(c.name)).Allow; got != c.allow {
			t.Errorf("%s on %s: %v", c.role, c.name, got)
		}
	}
}

// No guest has a network unless a row says so.
func TestNetworksAreGivenByNoDefault(t *testing.T) {
	lent := api.Runtimes()
	for name, table := range map[string][]api.Rule{"the default": policy.Default(lent), "none": nil} {
		for _, on := range api.Networks() {
			if policy.Grants(table, api.ActionNetwork, api.NetworkResource(on)) {
				t.Errorf("%s gives %s to somebody", name, on)
			}
			for _, role := range []api.Role{api.RoleMember, api.RoleAdmin, api.RoleBorrower, api.RoleLender} {
				if policy.Decide(table, api.Caller{Peer: anna, Role: role}, api.ActionNetwork, api.NetworkResource(on)).Allow {
					t.Errorf("%s gives %s to a %s", name, on, role)
				}
			}
		}
	}
}

func TestGrants(t *testing.T) {
	row := func(subject, action, resource string, allow bool) api.Rule {
		return api.Rule{Subject: subject, Action: action, Resource: resource, Allow: allow}
	}
	for name, c := range map[string]struct {
		rules []api.Rule
		want  bool
	}{
		"one peer":             {[]api.Rule{row(string(anna), "network", "network:open", true)}, true},
		"all but one":          {[]api.Rule{row(string(bert), "network", "network:open", false), row("*", "network", "*", true)}, true},
		"everything":           {[]api.Rule{row("role:admin", "*", "*", true)}, true},
		"nobody, then one":     {[]api.Rule{row("*", "network", "*", false), row(string(anna), "network", "network:open", true)}, false},
		"another network":      {[]api.Rule{row("*", "network", "network:filtered", true)}, false},
		"runtimes are another": {[]api.Rule{row("*", "run", "*", true)}, false},
	} {
		if got := policy.Grants(c.rules, api.ActionNetwork, "network:open"); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// A gateway is who opens ports for somebody; it opens those that the first row that
// matches allows, and no privileged ones by a row for all.
func TestPorts(t *testing.T) {
	row := func(subject, resource string, allow bool) api.Rule {
		return api.Rule{Subject: subject, Action: api.ActionMap, Resource: resource, Allow: allow}
	}
	who := api.Caller{Peer: anna, Role: api.RoleMember}
	for name, c := range map[string]struct {
		rules []api.Rule
		want  []int
	}{
		"a range less one": {[]api.Rule{row("*", "listen:8001", false), row(string(anna), "listen:8000-8002", true)}, []int{8000, 8002}},
		"another's":        {[]api.Rule{row(string(bert), "listen:8000", true)}, nil},
		"another action":   {[]api.Rule{{Subject: "*", Action: api.ActionForward, Resource: "*", Allow: true}}, nil},
		"all":              {[]api.Rule{row("role:member", "*", true)}, []int{1024, 1025, 1026}},
	} {
		var got []int
		for port := range policy.Ports(c.rules, who) {
			if got = append(got, port); len(got) == 3 {
				break
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
		if want := name == "a range less one" || name == "another's" || name == "all"; policy.Gateway(c.rules) != want {
			t.Errorf("%s: a gateway %v", name, !want)
		}
	}
	if !policy.Gateway([]api.Rule{row(string(bert), "domain:*.example.org", true)}) {
		t.Error("no gateway with a domain for somebody")
	}
	if policy.Gateway(policy.Default(api.Runtimes())) {
		t.Error("a gateway by default")
	}
}

func TestCheckRules(t *testing.T) {
	sound := api.Rule{Subject: "role:member", Action: "run", Resource: "runtime:wasm", Allow: true}
	change := func(fn func(*api.Rule)) []api.Rule { r := sound; fn(&r); return []api.Rule{r} }
	for name, c := range map[string]struct {
		rules []api.Rule
		says  string
	}{
		"a sound row":         {[]api.Rule{sound}, ""},
		"none":                {nil, ""},
		"a peer":              {change(func(r *api.Rule) { r.Subject = string(anna) }), ""},
		"everything":          {change(func(r *api.Rule) { r.Subject, r.Action, r.Resource = "*", "*", "*" }), ""},
		"an unknown role":     {change(func(r *api.Rule) { r.Subject = "role:king" }), "king"},
		"a subject of blanks": {change(func(r *api.Rule) { r.Subject = "  " }), "subject"},
		"no subject":          {change(func(r *api.Rule) { r.Subject = "" }), "subject"},
		"an unknown action":   {change(func(r *api.Rule) { r.Action = "fly" }), "fly"},
		"no action":           {change(func(r *api.Rule) { r.Action = "" }), "action"},
		"an unknown runtime":  {change(func(r *api.Rule) { r.Resource = "runtime:bash" }), "bash"},
		"a resource at large": {change(func(r *api.Rule) { r.Resource = "disk" }), "disk"},
		"a network":           {change(func(r *api.Rule) { r.Action, r.Resource = "network", "network:filtered" }), ""},
		"an unknown network":  {change(func(r *api.Rule) { r.Action, r.Resource = "network", "network:none" }), "network:none"},
		"running a network":   {change(func(r *api.Rule) { r.Resource = "network:open" }), "cannot be on"},
		"network of runtime":  {change(func(r *api.Rule) { r.Action = "network" }), "cannot be on"},
		"a row said twice":    {[]api.Rule{sound, {Subject: "*", Action: "run", Resource: "*"}, sound}, "row 3 can never decide: row 1"},
		"too many":            {make([]api.Rule, 1001), "limit"},
	} {
		err := policy.CheckRules(c.rules)
		switch {
		case c.says == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.says != "" && (api.KindOf(err) != api.KindInvalid || !strings.Contains(err.Error(), c.says)):
			t.Errorf("%s: %v", name, err)
		}
	}
}

var machine = api.Resources{CPU: 8, Memory: 32 << 30, Disk: 400 << 30, GPU: 1}

func TestEffective(t *testing.T) {
	l := policy.Effective(api.Limits{}, machine)
	if l.Total != (api.Resources{CPU: 7, Memory: 16 << 30, Disk: 100 << 30, GPU: 1}) || l.PerPeer != l.Total || l.PerGuest != l.Total {
		t.Errorf("caps %+v", l)
	}
	if l.MaxWall != api.Duration(24*time.Hour) || l.MaxOut != 64<<20 || l.MaxProcs != 256 || !slices.Equal(l.Runtimes, []api.RuntimeName{api.RuntimeWasm, api.RuntimeDocker}) {
		t.Errorf("defaults %+v", l)
	}
	if one := policy.Effective(api.Limits{}, api.Resources{CPU: 1, Memory: 1 << 20}); one.Total.CPU != 1 || one.Total.Memory != 16<<20 || one.Total.Disk != policy.DefaultDisk {
		t.Errorf("the smallest machine lends %+v", one.Total)
	}
	l = policy.Effective(api.Limits{PerPeer: api.Resources{CPU: 2}, Runtimes: []api.RuntimeName{}}, machine)
	if l.PerGuest.CPU != 2 || l.PerPeer.Memory != 16<<30 || len(l.Runtimes) != 0 {
		t.Errorf("per peer %+v", l)
	}
}

func TestCheckLimits(t *testing.T) {
	for name, c := range map[string]struct {
		l    api.Limits
		says string
	}{
		"all defaults":               {api.Limits{}, ""},
		"all set":                    {api.Limits{Total: api.Resources{CPU: 4, Memory: 8 << 30}, PerPeer: api.Resources{CPU: 2}, PerGuest: api.Resources{CPU: 1}, MaxWall: api.Duration(time.Hour), MaxOut: 4096, MaxProcs: 3, Runtimes: api.Runtimes()}, ""},
		"more cores than there are":  {api.Limits{Total: api.Resources{CPU: 16}}, ""},
		"far more":                   {api.Limits{Total: api.Resources{CPU: 1000}}, "cores"},
		"no number":                  {api.Limits{Total: api.Resources{CPU: math.NaN()}}, "cores"},
		"infinite":                   {api.Limits{Total: api.Resources{CPU: math.Inf(1)}}, "cores"},
		"negative memory":            {api.Limits{Total: api.Resources{Memory: -1}}, "memory"},
		"more memory than there is":  {api.Limits{Total: api.Resources{Memory: 64 << 30}}, "64 GiB of memory, and this machine has"},
		"more disk than there is":    {api.Limits{Total: api.Resources{Disk: 1 << 50}}, "disk"},
		"more GPUs than there are":   {api.Limits{Total: api.Resources{GPU: 2}}, "GPU"},
		"a peer above all":           {api.Limits{Total: api.Resources{CPU: 2}, PerPeer: api.Resources{CPU: 3}}, "per_peer"},
		"a guest above a peer":       {api.Limits{PerPeer: api.Resources{CPU: 2}, PerGuest: api.Resources{CPU: 3}}, "per_guest"},
		"a wall of nothing":          {api.Limits{MaxWall: 1}, "max_wall"},
		"a wall of a millennium":     {api.Limits{MaxWall: api.Duration(math.MaxInt64)}, "max_wall"},
		"output of nothing":          {api.Limits{MaxOut: 1}, "max_output"},
		"processes without end":      {api.Limits{MaxProcs: 1 << 30}, "max_processes"},
		"an unknown runtime":         {api.Limits{Runtimes: []api.RuntimeName{"bash"}}, "bash"},
		"a runtime twice":            {api.Limits{Runtimes: []api.RuntimeName{"wasm", "wasm"}}, "twice"},
		"a slot of almost no memory": {api.Limits{PerGuest: api.Resources{Memory: 1}}, "memory"},
	} {
		err := policy.CheckLimits(c.l, machine)
		switch {
		case c.says == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.says != "" && (api.KindOf(err) != api.KindInvalid || !strings.Contains(err.Error(), c.says)):
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSlot(t *testing.T) {
	top := api.Resources{CPU: 4, Memory: 1 << 30}
	if got := policy.Slot(api.Resources{}, top); got.CPU != 1 || got.Memory != 256<<20 {
		t.Errorf("a slot that says nothing takes %+v", got)
	}
	if got := policy.Slot(api.Resources{}, api.Resources{CPU: 0.5, Memory: 64 << 20}); got.CPU != 0.5 || got.Memory != 64<<20 {
		t.Errorf("on a small machine it takes %+v", got)
	}
	if got := policy.Slot(api.Resources{CPU: 2}, api.Resources{CPU: 4, Memory: 1 << 30, Disk: 10 << 30}); got.Disk != 5<<30 {
		t.Errorf("half of the cores come with %d bytes of disk", got.Disk)
	}
	if got := policy.Slot(api.Resources{CPU: 2, Disk: 1 << 30}, api.Resources{CPU: 4, Memory: 1 << 30, Disk: 10 << 30}); got.Disk != 1<<30 {
		t.Errorf("%d bytes of disk instead of what was asked for", got.Disk)
	}
	if got := policy.Slot(api.Resources{CPU: 9, Memory: 2 << 30}, top); got.CPU != 9 {
		t.Errorf("what was asked for was changed to %+v", got)
	}
}

func TestAReserveOfTheDiskIsNotLent(t *testing.T) {
	for _, c := range []struct{ total, free, want int64 }{
		{400 << 30, 300 << 30, 295 << 30}, {10 << 30, 3 << 30, 2 << 30}, {10 << 30, 1 << 20, 0}, {0, 0, 0},
	} {
		if got := policy.Lendable(c.total, c.free); got != c.want {
			t.Errorf("%d of %d free: %d are lent", c.free, c.total, got)
		}
	}
	l := policy.OnDisk(policy.Effective(api.Limits{PerGuest: api.Resources{Disk: 1 << 30}}, machine), 2<<30)
	if l.Total.Disk != 2<<30 || l.PerPeer.Disk != 2<<30 || l.PerGuest.Disk != 1<<30 {
		t.Errorf("%+v", l)
	}
}

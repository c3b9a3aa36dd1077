package job

import (
	"fmt"
	"strings"

	"github.com/google/cel-go/cel"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// whereCost bounds one evaluation, in CEL's units: an expression that loops over
// a hostile record's lists ends here.
const whereCost = 100_000

// whereVars is what an expression may use; docs/jobs.md lists them.
//
// Sizes are bytes; KiB, MiB and GiB are there to write them with.
var whereVars = []struct {
	name string
	is   *cel.Type
}{
	{"id", cel.StringType},
	{"name", cel.StringType},
	{"role", cel.StringType},
	{"os", cel.StringType},
	{"os_full", cel.StringType},
	{"arch", cel.StringType},
	{"cpu_model", cel.StringType},
	{"cores", cel.IntType},
	{"memory", cel.IntType},
	{"disk_free", cel.IntType},
	{"gpus", cel.ListType(cel.MapType(cel.StringType, cel.DynType))},
	{"total", cel.MapType(cel.StringType, cel.DynType)},
	{"free", cel.MapType(cel.StringType, cel.DynType)},
	{"labels", cel.MapType(cel.StringType, cel.StringType)},
	{"meta", cel.StringType},
	{"version", cel.StringType},
	{"features", cel.ListType(cel.StringType)},
	{"runtimes", cel.ListType(cel.StringType)},
	{"networks", cel.ListType(cel.StringType)},
	{"path", cel.StringType},
	{"latency_ms", cel.DoubleType},
	{"self", cel.BoolType},
	{"KiB", cel.IntType},
	{"MiB", cel.IntType},
	{"GiB", cel.IntType},
}

func whereNames() (names []string) {
	for _, v := range whereVars {
		names = append(names, v.name)
	}
	return names
}

// where is a compiled expression over a peer's record.
type where struct {
	prg cel.Program
}

// compileWhere is nil for an empty expression.
func compileWhere(expr string) (*where, error) {
	if strings.TrimSpace(expr) == "" {
		return nil, nil
	}
	if len(expr) > maxWhere {
		return nil, api.Errorf(api.KindTooLarge, "where has %d bytes, at most %d", len(expr), maxWhere)
	}
	options := []cel.EnvOption{cel.CrossTypeNumericComparisons(true)}
	for _, v := range whereVars {
		options = append(options, cel.Variable(v.name, v.is))
	}
	env, err := cel.NewEnv(options...)
	if err != nil {
		return nil, api.Errorf(api.KindInternal, "prepare where: %w", err)
	}
	ast, issues := env.Compile(expr)
	if issues.Err() != nil {
		return nil, whereMistake(issues.Errors()[0])
	}
	if t := ast.OutputType(); !t.IsExactType(cel.BoolType) && !t.IsExactType(cel.DynType) {
		return nil, api.Errorf(api.KindInvalid, "where is %s, and should be true or false", t).WithHint("compare it with something; %s", whereExample)
	}
	prg, err := env.Program(ast, cel.CostLimit(whereCost))
	if err != nil {
		return nil, api.Errorf(api.KindInvalid, "where: %s", oneLine(err.Error()))
	}
	return &where{prg}, nil
}

// Where makes a test of an expression, "" being true of everybody. KindInvalid
// says what is wrong with it.
func Where(expr string) (func(*api.Peer) bool, error) {
	w, err := compileWhere(expr)
	return func(p *api.Peer) bool { return w.match(p) == "" }, err
}

// match says in words why the peer does not match, "" when it does. What the
// expression asks for and the record lacks does not match.
func (w *where) match(p *api.Peer) string {
	if w == nil {
		return ""
	}
	out, _, err := w.prg.Eval(whereInput(p))
	if err != nil {
		return "where: " + oneLine(err.Error())
	}
	switch v := out.Value().(type) {
	case bool:
		if v {
			return ""
		}
		return "where is false for it"
	default:
		return fmt.Sprintf("where gives a %T for it, not true or false", v)
	}
}

// Select is the peers for which an expression like that of JobSpec.Where is
// true. KindInvalid: it is none.
func Select(expr string, peers []api.Peer) ([]api.Peer, error) {
	w, err := compileWhere(expr)
	if err != nil {
		return nil, err
	}
	var out []api.Peer
	for _, p := range peers {
		if w.match(&p) == "" {
			out = append(out, p)
		}
	}
	return out, nil
}

func whereInput(p *api.Peer) map[string]any {
	gpus := make([]map[string]any, 0, len(p.Specs.GPUs))
	for _, g := range p.Specs.GPUs {
		gpus = append(gpus, map[string]any{"vendor": g.Vendor, "model": g.Model, "memory": g.Memory})
	}
	runtimes, networks := []string{}, []string{}
	for _, r := range p.Runtimes {
		if r.Available && r.Enabled {
			runtimes = append(runtimes, string(r.Name))
		}
		for _, n := range r.Networks {
			networks = append(networks, string(n))
		}
	}
	goos, _, _ := strings.Cut(p.Specs.OS, " ")
	labels, features := p.Labels, p.Features
	if labels == nil {
		labels = map[string]string{}
	}
	return map[string]any{
		"id": string(p.ID), "name": p.Name, "role": string(p.Role), "os": goos, "os_full": p.Specs.OS, "arch": p.Specs.Arch,
		"cpu_model": p.Specs.CPUModel, "cores": p.Specs.Cores, "memory": p.Specs.Memory, "disk_free": p.Specs.DiskFree, "gpus": gpus,
		"total": resourceMap(p.Total), "free": resourceMap(p.Free), "labels": labels, "meta": p.Meta, "version": p.Version,
		"features": features, "runtimes": runtimes, "networks": networks, "path": string(p.Path), "latency_ms": float64(p.Latency) / 1e6,
		"self": p.State == api.PeerSelf, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30,
	}
}

func resourceMap(r api.Resources) map[string]any {
	return map[string]any{"cpu": r.CPU, "memory": r.Memory, "disk": r.Disk, "gpu": r.GPU}
}

func oneLine(s string) string { return clip(strings.Join(strings.Fields(s), " "), 200) }

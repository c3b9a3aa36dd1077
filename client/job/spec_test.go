package job

import (
	"math"
	"strings"
	"testing"
	"unsafe"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

func TestBadSpecs(t *testing.T) {
	blob := api.BlobID{1}
	long := strings.Repeat("x", maxRendered)
	for name, c := range map[string]struct {
		change func(*api.JobSpec)
		kind   api.Kind
		says   string
	}{
		"empty range":         {func(s *api.JobSpec) { s.Each = []api.Axis{{Name: "k", From: 2, To: 1}} }, api.KindInvalid, "empty"},
		"empty list":          {func(s *api.JobSpec) { s.Each = []api.Axis{{Name: "k", Values: []string{}}} }, api.KindInvalid, "empty"},
		"ten million":         {func(s *api.JobSpec) { s.Each = []api.Axis{{Name: "k", From: 1, To: 10_000_000}} }, api.KindTooLarge, "1000000"},
		"product too large":   {func(s *api.JobSpec) { s.Each = []api.Axis{{Name: "a", To: 1<<20 - 1}, {Name: "k", To: 1 << 40}} }, api.KindTooLarge, "tasks"},
		"all of int64":        {func(s *api.JobSpec) { s.Each = []api.Axis{{Name: "k", From: math.MinInt64, To: math.MaxInt64}} }, api.KindTooLarge, ""},
		"list and range":      {func(s *api.JobSpec) { s.Each = []api.Axis{{Name: "k", To: 3, Values: []string{"a"}}} }, api.KindInvalid, "both"},
		"same name":           {func(s *api.JobSpec) { s.Each = append(s.Each, s.Each[0]) }, api.KindInvalid, "twice"},
		"bad name":            {func(s *api.JobSpec) { s.Each[0].Name = "K-1" }, api.KindInvalid, "name"},
		"reserved name":       {func(s *api.JobSpec) { s.Each[0].Name = "task" }, api.KindInvalid, "index"},
		"width":               {func(s *api.JobSpec) { s.Each[0].Width = 21 }, api.KindInvalid, "width"},
		"nul":                 {func(s *api.JobSpec) { s.Command = []string{"a\x00b"} }, api.KindInvalid, "NUL"},
		"not utf-8":           {func(s *api.JobSpec) { s.Command = []string{"a\xff"} }, api.KindInvalid, "UTF-8"},
		"unknown placeholder": {func(s *api.JobSpec) { s.Command = []string{"{frame}"} }, api.KindInvalid, "unknown placeholder {frame}"},
		"open brace":          {func(s *api.JobSpec) { s.Command = []string{"a{"} }, api.KindInvalid, "without }"},
		"env placeholder":     {func(s *api.JobSpec) { s.Env = map[string]string{"A": "{x}"} }, api.KindInvalid, "env A"},
		"env name":            {func(s *api.JobSpec) { s.Env = map[string]string{"A=B": ""} }, api.KindInvalid, "variable name"},
		"no command":          {func(s *api.JobSpec) { s.Command = nil }, api.KindInvalid, "command"},
		"absolute output":     {func(s *api.JobSpec) { s.Outputs = []string{"/etc/passwd"} }, api.KindInvalid, "absolute"},
		"output escapes":      {func(s *api.JobSpec) { s.Outputs = []string{"a/../../b"} }, api.KindInvalid, "leaves"},
		"output value escapes": {func(s *api.JobSpec) {
			s.Each = []api.Axis{{Name: "k", Values: []string{"a", "."}}}
			s.Outputs = []string{"{k}{k}/x"}
		}, api.KindInvalid, "leaves"},
		"bad glob":        {func(s *api.JobSpec) { s.Outputs = []string{"a[b"} }, api.KindInvalid, "pattern"},
		"mixed **":        {func(s *api.JobSpec) { s.Outputs = []string{"a**/b"} }, api.KindInvalid, "**"},
		"backslash":       {func(s *api.JobSpec) { s.Outputs = []string{`a\..\b`} }, api.KindInvalid, "backslash"},
		"input path":      {func(s *api.JobSpec) { s.Inputs = []api.Input{{Path: "../x", Blob: blob}} }, api.KindInvalid, "leaves"},
		"input of naught": {func(s *api.JobSpec) { s.Inputs = []api.Input{{Path: "x"}} }, api.KindInvalid, "blob"},
		"cwd":             {func(s *api.JobSpec) { s.Cwd = "/tmp" }, api.KindInvalid, "cwd"},
		"runtime":         {func(s *api.JobSpec) { s.Runtime = "vm" }, api.KindInvalid, "runtime"},
		"wasm, no module": {func(s *api.JobSpec) { s.Runtime = api.RuntimeWasm }, api.KindInvalid, "module"},
		"module, process": {func(s *api.JobSpec) { s.Module = blob }, api.KindInvalid, "module"},
		"docker, no img":  {func(s *api.JobSpec) { s.Runtime = api.RuntimeDocker }, api.KindInvalid, "image"},
		"retry":           {func(s *api.JobSpec) { s.Retry = 101 }, api.KindInvalid, "retry"},
		"max fails":       {func(s *api.JobSpec) { s.MaxFails = -1 }, api.KindInvalid, "max_fails"},
		"restart":         {func(s *api.JobSpec) { s.Restart = "always" }, api.KindInvalid, "restart"},
		"strategy":        {func(s *api.JobSpec) { s.Strategy = "luck" }, api.KindInvalid, "strategy"},
		"pin to nobody":   {func(s *api.JobSpec) { s.Strategy = "pin" }, api.KindInvalid, "pin"},
		"pin twice":       {func(s *api.JobSpec) { s.Strategy, s.On = "pin", []api.PeerID{"a", "a"} }, api.KindInvalid, "twice"},
		"where syntax":    {func(s *api.JobSpec) { s.Where = "cores >" }, api.KindInvalid, "where, column"},
		"where type":      {func(s *api.JobSpec) { s.Where = "cores + 1" }, api.KindInvalid, "true or false"},
		"where unknown":   {func(s *api.JobSpec) { s.Where = "speed > 1" }, api.KindInvalid, "speed"},
		"network":         {func(s *api.JobSpec) { s.Runtime, s.Module, s.Image, s.Network = "", api.BlobID{}, "x", "lan" }, api.KindInvalid, "unknown network"},
		"network of wasm": {func(s *api.JobSpec) { s.Network = api.GuestOpen }, api.KindInvalid, "is for runtime docker"},
		"needs":           {func(s *api.JobSpec) { s.Needs.CPU = math.NaN() }, api.KindInvalid, "needs"},
		"too much text":   {func(s *api.JobSpec) { s.Command = []string{long, "{k}"} }, api.KindTooLarge, "bytes"},
		"stdin twice":     {func(s *api.JobSpec) { s.Stdin, s.StdinBlob = "x", blob }, api.KindInvalid, "stdin"},
	} {
		t.Run(name, func(t *testing.T) {
			spec := batch(10)
			c.change(&spec)
			_, err := compile(spec, nil)
			if api.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("kind %q, %v; want %q and %q", api.KindOf(err), err, c.kind, c.says)
			}
		})
	}
}

func TestRendering(t *testing.T) {
	spec := api.JobSpec{Command: []string{"cp", "{a}-{n}", "{{x}", "{task}", "}"}, Env: map[string]string{"F": "f", "N": "{n}"}, Stdin: "go {a}",
		Each:    []api.Axis{{Name: "a", Values: []string{"x", "y"}}, {Name: "n", From: 8, To: 12, Step: 2, Width: 3}},
		Inputs:  []api.Input{{Path: "in/{n}", Blob: api.BlobID{1}}, {Path: "all", Blob: api.BlobID{2}}},
		Outputs: []string{"out/{a}/*.png", "**/log"}}
	p, err := compile(spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	if p.array.n != 6 {
		t.Fatalf("%d tasks", p.array.n)
	}
	got := p.task(lease.Key{Task: 4, Attempt: 2})
	if strings.Join(got.Args, " ") != "cp y-010 {x} 4 }" || got.Env["N"] != "010" || len(got.Env) != 1 || got.Stdin != "go y" ||
		len(got.Inputs) != 1 || got.Inputs[0].Path != "in/010" || len(got.Outputs) != 1 || got.Outputs[0] != "out/y/*.png" || got.Attempt != 2 {
		t.Fatalf("task 4: %+v", got)
	}
	if p.common.Env["F"] != "f" || p.common.Inputs[0].Path != "all" || p.common.Outputs[0] != "**/log" {
		t.Fatalf("common: %+v", p.common)
	}
	if p.spec.Needs.CPU != 1 || p.spec.Needs.Memory != 256<<20 || p.spec.Runtime != api.RuntimeProcess {
		t.Fatalf("defaults: %+v", p.spec)
	}
	down, err := newArray([]api.Axis{{Name: "k", From: 3, To: -3, Step: -3}})
	if err != nil || down.n != 3 || down.value(0, 2) != "-3" {
		t.Fatalf("downwards: %v %+v", err, down)
	}
}

func TestMillionTasksAreCheap(t *testing.T) {
	if size := unsafe.Sizeof(task{}); size > 40 {
		t.Fatalf("%d bytes a task", size)
	}
	spec := batch(api.MaxTasks)
	spec.Outputs = []string{"o/{k}.png"}
	p, err := compile(spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	if last := p.task(lease.Key{Task: api.MaxTasks - 1, Attempt: 1}); last.Outputs[0] != "o/1000000.png" {
		t.Fatalf("last task: %+v", last)
	}
}

func TestWhere(t *testing.T) {
	p := fakePeer("a")
	p.Specs.GPUs = []api.GPU{{Vendor: "nvidia", Model: "H200", Memory: 140 << 30}}
	for expr, want := range map[string]bool{
		"": true, `os == "linux"`: true, `os_full.contains("debian")`: true, `cores >= 8`: true, `cores > 8.5`: false,
		`memory >= 16 * GiB`: true, `labels["room"] == "lab"`: true, `labels["none"] == "x"`: false, `"none" in labels`: false,
		`gpus.exists(g, g.model.startsWith("H") && g.memory > 80 * GiB)`: true, `"wasm" in runtimes`: true, `"filtered" in networks`: false, `free.cpu >= 2`: true,
		`name.matches("n-[a-c]")`: true, `self`: false, `latency_ms < 5.0`: true, `size(features) == 0`: true,
		strings.Repeat(`gpus.all(a, `, 40) + "true" + strings.Repeat(")", 40): true,
	} {
		w, err := compileWhere(expr)
		if err != nil {
			t.Fatalf("%s: %v", expr, err)
		}
		if why := w.match(&p); (why == "") != want {
			t.Errorf("%s: %q, want %v", expr, why, want)
		}
	}
	// A hostile record with long lists and an expression that multiplies them ends by cost, as no match.
	for range 2000 {
		p.Features = append(p.Features, "f")
	}
	w, err := compileWhere(`features.all(a, features.all(b, a == b))`)
	if err != nil {
		t.Fatal(err)
	}
	if why := w.match(&p); !strings.Contains(why, "cost") {
		t.Fatalf("an expensive expression: %q", why)
	}
}

func FuzzTemplate(f *testing.F) {
	for _, s := range []string{"", "{k}", "{{", "a{task}b{k}", "{", "}{", "{{{k}}"} {
		f.Add(s)
	}
	a, err := newArray([]api.Axis{{Name: "k", From: 1, To: 9}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		tm, err := parseTemplate("x", s, &a)
		if err == nil && len(tm.render(&a, 3)) > tm.bytes {
			t.Fatalf("%q becomes longer than %d", s, tm.bytes)
		}
	})
}

package job

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

// Limits of a job's spec.
const (
	// maxRendered bounds one task's command, env, stdin and paths, in bytes, with
	// every placeholder at its longest: a task always fits a frame.
	maxRendered = 256 << 10
	maxInputs   = 1000
	maxOutputs  = 100
	maxOn       = 1000
	maxWhere    = 1000
	maxRetry    = 100
)

// What a task gets when its job does not say.
const (
	DefaultCPU    = 1.0
	DefaultMemory = 256 << 20 // bytes
)

// plan is a JobSpec that was found good, ready to render tasks. It is read-only.
type plan struct {
	spec     api.JobSpec
	array    array
	where    *where // nil: anywhere
	strategy Strategy
	common   lease.Common // what no placeholder touches

	args    []template
	env     []envTemplate
	stdin   template
	inputs  []inputTemplate
	outputs []template
}

type envTemplate struct {
	name  string
	value template
}

type inputTemplate struct {
	path template
	in   api.Input
}

// compile checks a spec, fills in its defaults, and makes its plan. Every error
// is an [api.Error]: KindInvalid or KindTooLarge. own are strategies beside spread
// and pin.
func compile(spec api.JobSpec, own map[string]NewStrategy) (*plan, error) {
	p := &plan{spec: spec}
	var err error
	if p.array, err = newArray(spec.Each); err != nil {
		return nil, err
	}
	for _, check := range []func() error{p.scalars, p.runtime, p.command, p.files, p.size} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	if p.where, err = compileWhere(spec.Where); err != nil {
		return nil, err
	}
	if p.strategy, err = newStrategy(&p.spec, own); err != nil {
		return nil, err
	}
	p.common.Limits = spec.Limits
	return p, nil
}

func (p *plan) scalars() error {
	s := &p.spec
	if err := text(s.Name); err != nil || len(s.Name) > 100 {
		return api.Errorf(api.KindInvalid, "the job's name: want at most 100 bytes of UTF-8 text")
	}
	if s.Retry < 0 || s.Retry > maxRetry {
		return api.Errorf(api.KindInvalid, "retry %d: want 0 to %d", s.Retry, maxRetry)
	}
	if s.MaxFails < 0 {
		return api.Errorf(api.KindInvalid, "max_fails %d is negative", s.MaxFails).WithHint("0 means never")
	}
	switch s.Restart {
	case "", restartOnLoss, restartNever:
	default:
		return api.Errorf(api.KindInvalid, "unknown restart %q", clip(s.Restart, 40)).WithHint("on-loss or never")
	}
	if s.Limits.Wall < 0 || s.Limits.CPU < 0 || s.Limits.Output < 0 {
		return api.Errorf(api.KindInvalid, "a limit is negative").WithHint("0 or nothing means the default")
	}
	n := &s.Needs
	if !(n.CPU >= 0 && n.CPU <= 1e6) || n.Memory < 0 || n.Disk < 0 || n.GPU < 0 { // the first also refuses NaN
		return api.Errorf(api.KindInvalid, "needs: want numbers that are not negative")
	}
	if n.CPU == 0 {
		n.CPU = DefaultCPU
	}
	if n.Memory == 0 {
		n.Memory = DefaultMemory
	}
	if len(s.On) > maxOn {
		return api.Errorf(api.KindTooLarge, "on: %d peers, at most %d", len(s.On), maxOn)
	}
	for _, id := range s.On {
		if id == "" || len(id) > 100 {
			return api.Errorf(api.KindInvalid, "on: %q is no peer id", clip(string(id), 60)).WithHint("p2prc peers lists them")
		}
	}
	return nil
}

// The values of JobSpec.Restart; empty means on-loss.
const (
	restartOnLoss = "on-loss"
	restartNever  = "never"
)

func (p *plan) runtime() error {
	s := &p.spec
	if s.Runtime == "" {
		switch {
		case !s.Module.IsZero():
			s.Runtime = api.RuntimeWasm
		case s.Image != "":
			s.Runtime = api.RuntimeDocker
		default:
			s.Runtime = api.RuntimeProcess
		}
	}
	switch s.Runtime {
	case api.RuntimeWasm:
		if s.Module.IsZero() {
			return api.Errorf(api.KindInvalid, "runtime wasm needs a module").WithHint("name a .wasm file as the command's first word")
		}
	case api.RuntimeDocker:
		if s.Image == "" {
			return api.Errorf(api.KindInvalid, "runtime docker needs an image").WithHint("--image NAME")
		}
	default:
		if s.Runtime.Valid() { // its own affair what it needs
			break
		}
		return api.Errorf(api.KindInvalid, "unknown runtime %q", clip(string(s.Runtime), 40)).WithHint("wasm, docker or process")
	}
	if !s.Module.IsZero() && s.Runtime != api.RuntimeWasm {
		return api.Errorf(api.KindInvalid, "a module is for runtime wasm, not %s", s.Runtime)
	}
	if s.Image != "" && s.Runtime != api.RuntimeDocker {
		return api.Errorf(api.KindInvalid, "an image is for runtime docker, not %s", s.Runtime)
	}
	if !s.Network.Valid() {
		return api.Errorf(api.KindInvalid, "unknown network %q", clip(string(s.Network), 40)).WithHint("none, filtered or open")
	}
	if !s.Network.None() && s.Runtime != api.RuntimeDocker {
		return api.Errorf(api.KindInvalid, "network %s is for runtime docker, not %s", s.Network, s.Runtime)
	}
	if s.ImageID != "" && (s.Runtime != api.RuntimeDocker || !s.ImageID.Valid()) {
		return api.Errorf(api.KindInvalid, "image_id: want sha256: and 64 hex digits, for runtime docker")
	}
	if err := text(s.Image); err != nil || len(s.Image) > 500 {
		return api.Errorf(api.KindInvalid, "image: want at most 500 bytes of UTF-8 text")
	}
	return nil
}

func (p *plan) command() error {
	s := &p.spec
	if len(s.Command) == 0 && s.Runtime == api.RuntimeProcess {
		return api.Errorf(api.KindInvalid, "no command").WithHint("say what each task should run")
	}
	if len(s.Command) > 1000 {
		return api.Errorf(api.KindTooLarge, "%d arguments, at most 1000", len(s.Command)).WithHint("put them into an input file")
	}
	command := s.Command
	if len(command) == 0 && s.Runtime == api.RuntimeWasm {
		command = []string{"module.wasm"} // a module expects its own name
	}
	for i, arg := range command {
		t, err := parseTemplate(fmt.Sprintf("command word %d", i+1), arg, &p.array)
		if err != nil {
			return err
		}
		p.args = append(p.args, t)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Env)) {
		if !api.EnvName(name) {
			return api.Errorf(api.KindInvalid, "env: %q is no variable name", clip(name, 60))
		}
		t, err := parseTemplate("env "+name, s.Env[name], &p.array)
		if err != nil {
			return err
		}
		if t.varies() {
			p.env = append(p.env, envTemplate{name, t})
			continue
		}
		if p.common.Env == nil {
			p.common.Env = map[string]string{}
		}
		p.common.Env[name] = t.plain
	}
	if s.Stdin != "" && !s.StdinBlob.IsZero() {
		return api.Errorf(api.KindInvalid, "both stdin and stdin_blob").WithHint("give one of them")
	}
	var err error
	p.stdin, err = parseTemplate("stdin", s.Stdin, &p.array)
	return err
}

func (p *plan) files() error {
	s := &p.spec
	if s.Cwd != "" {
		if why := localPath(s.Cwd); why != "" {
			return badPath("cwd", s.Cwd, why)
		}
		p.common.Cwd = s.Cwd
	}
	if len(s.Inputs) > maxInputs {
		return api.Errorf(api.KindTooLarge, "%d inputs, at most %d", len(s.Inputs), maxInputs).WithHint("give the folder that holds them")
	}
	for _, in := range s.Inputs {
		if in.Blob.IsZero() == in.Tree.IsZero() {
			return api.Errorf(api.KindInvalid, "input %q: want a blob or a tree", clip(in.Path, 80))
		}
		t, err := parseTemplate("input path", in.Path, &p.array)
		if err != nil {
			return err
		}
		if err := p.eachRendering("input path", &t, localPath); err != nil {
			return err
		}
		if t.varies() {
			p.inputs = append(p.inputs, inputTemplate{t, in})
			continue
		}
		in.Path = t.plain
		p.common.Inputs = append(p.common.Inputs, in)
	}
	if len(s.Outputs) > maxOutputs {
		return api.Errorf(api.KindTooLarge, "%d output patterns, at most %d", len(s.Outputs), maxOutputs).WithHint("use *, or ** for folders")
	}
	for _, glob := range s.Outputs {
		t, err := parseTemplate("output", glob, &p.array)
		if err != nil {
			return err
		}
		if err := p.eachRendering("output", &t, localGlob); err != nil {
			return err
		}
		if t.varies() {
			p.outputs = append(p.outputs, t)
			continue
		}
		p.common.Outputs = append(p.common.Outputs, t.plain)
	}
	return nil
}

// size makes sure that every message about the job fits its frame.
func (p *plan) size() error {
	n := p.stdin.bytes
	for _, t := range p.args {
		n += t.bytes + 8
	}
	for _, e := range p.env {
		n += len(e.name) + e.value.bytes + 8
	}
	for _, in := range p.inputs {
		n += in.path.bytes + 200
	}
	for _, t := range p.outputs {
		n += t.bytes + 8
	}
	if n > maxRendered {
		return api.Errorf(api.KindTooLarge, "a task's command, environment, stdin and paths come to %d bytes, at most %d", n, maxRendered).
			WithHint("put large data into input files, or give stdin as a file")
	}
	if b, err := json.Marshal(p.common); err != nil || len(b) > lease.MaxFrame-(64<<10) {
		return api.Errorf(api.KindTooLarge, "the job's environment, inputs and outputs come to %d bytes, at most %d", len(b), lease.MaxFrame-(64<<10)).
			WithHint("give a folder instead of its files")
	}
	return nil
}

// task renders one attempt.
func (p *plan) task(key lease.Key) lease.Task {
	t := lease.Task{Key: key, Args: make([]string, len(p.args)), Stdin: p.stdin.render(&p.array, key.Task), StdinBlob: p.spec.StdinBlob}
	for i := range p.args {
		t.Args[i] = p.args[i].render(&p.array, key.Task)
	}
	if len(p.env) > 0 {
		t.Env = make(map[string]string, len(p.env))
		for _, e := range p.env {
			t.Env[e.name] = e.value.render(&p.array, key.Task)
		}
	}
	for _, in := range p.inputs {
		one := in.in
		one.Path = in.path.render(&p.array, key.Task)
		t.Inputs = append(t.Inputs, one)
	}
	for i := range p.outputs {
		t.Outputs = append(t.Outputs, p.outputs[i].render(&p.array, key.Task))
	}
	return t
}

// open is the lease request of the job.
func (p *plan) open(id api.LeaseID, job api.JobID, resume bool) lease.Open {
	s := &p.spec
	return lease.Open{Lease: id, Job: job, JobName: s.Name, Resume: resume, Runtime: s.Runtime, Module: s.Module, Image: s.Image, ImageID: s.ImageID, Network: s.Network,
		Needs: s.Needs, Slots: int(min(p.array.n, 1<<20)), Live: s.Live, Common: p.common}
}

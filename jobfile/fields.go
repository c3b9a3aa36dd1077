package jobfile

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// field is one key of the file: how it is described to an editor and how it is
// read. The table is the only list of keys; reading, "did you mean" and the
// schema all come from it.
type field struct {
	key   string
	doc   string
	shape schema
	read  func(r *reader, n ast.Node, key string, j *Job) error
}

func find(fields []field, key string) *field {
	i := slices.IndexFunc(fields, func(f field) bool { return f.key == key })
	if i < 0 {
		return nil
	}
	return &fields[i]
}

func keys(fields []field) []string {
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = f.key
	}
	return out
}

// The table. It never changes after the program has started.
var fileFields = []field{
	text("name", "shown in listings", func(j *Job) *string { return &j.Spec.Name }),
	{"runtime", "wasm, process or docker; wasm if a module is named", oneOf("wasm", "process", "docker"), func(r *reader, n ast.Node, key string, j *Job) error {
		s, err := r.textOf(n, key)
		if err == nil && !slices.Contains(runtimeNames, s) {
			return r.fail(place(n), didYouMean(s, runtimeNames), "there is no runtime %s", s)
		}
		j.Spec.Runtime = api.RuntimeName(s)
		return err
	}},
	text("module", "a local wasm module", func(j *Job) *string { return &j.Module }),
	text("image", "a container image (runtime docker)", func(j *Job) *string { return &j.Spec.Image }),
	{"network", "what a task's container can reach: none, filtered (the Internet, nothing of the lender's) or open (all that the lender's machine reaches); its owner must allow it", oneOf(guestNetworks...), choice(func(j *Job) *string { return (*string)(&j.Spec.Network) }, guestNetworks...)},
	{"command", "program and arguments: a list, or one line that is split at blanks (no shell)", anyOf(textShape, textList), readCommand},
	{"each", "the array: variables and their values; one task per combination", mapOf(anyOf(textShape, numberShape, scalarList)), readEach},
	{"env", "environment of every task", mapOf(scalarShape), func(r *reader, n ast.Node, key string, j *Job) (err error) {
		j.Spec.Env, err = r.dict(n, key)
		return err
	}},
	text("stdin", "text given to every task", func(j *Job) *string { return &j.Spec.Stdin }),
	text("stdin_file", "a local file given to every task, instead of stdin", func(j *Job) *string { return &j.StdinFile }),
	text("cwd", "where the command starts, below the task's directory", func(j *Job) *string { return &j.Spec.Cwd }),
	{"inputs", "local files and folders that every task gets", arrayOf(anyOf(textShape, object(inputShapes))), readInputs},
	texts("outputs", "files to bring back: globs below the task's directory, ** matches folders", func(j *Job) *[]string { return &j.Spec.Outputs }),
	{"needs", "what one task needs", object(needsFields), func(r *reader, n ast.Node, key string, j *Job) error {
		return r.object(n, key+".", needsFields, j)
	}},
	wallField("timeout", "longest time one task may take; the same as limits.wall"),
	{"limits", "other limits of one task", object(limitFields), func(r *reader, n ast.Node, key string, j *Job) error {
		return r.object(n, key+".", limitFields, j)
	}},
	text("where", "an expression (CEL) over a peer's record; the job runs where it is true", func(j *Job) *string { return &j.Spec.Where }),
	texts("on", "only on these peers: names or ids", func(j *Job) *[]string { return &j.On }),
	{"strategy", "how tasks are spread over peers", oneOf("spread", "pin"), choice(func(j *Job) *string { return &j.Spec.Strategy }, "spread", "pin")},
	whole("retry", "further tries of a task that failed", 0, 100, func(j *Job) *int { return &j.Spec.Retry }),
	whole("max_fails", "cancel the job when more tasks than this failed; 0: never", 0, api.MaxTasks, func(j *Job) *int { return &j.Spec.MaxFails }),
	{"restart", "never: a task that was lost with its machine is not run again", oneOf("on-loss", "never"), choice(func(j *Job) *string { return &j.Spec.Restart }, "on-loss", "never")},
	{"live", "stream output while tasks run", boolShape, func(r *reader, n ast.Node, key string, j *Job) (err error) {
		j.Spec.Live, err = r.yes(n, key)
		return err
	}},
}

var guestNetworks = []string{string(api.GuestNone), string(api.GuestFiltered), string(api.GuestOpen)}

var runtimeNames = []string{string(api.RuntimeWasm), string(api.RuntimeProcess), string(api.RuntimeDocker)}

var needsFields = []field{
	{"cpu", "cores", numberShape, func(r *reader, n ast.Node, key string, j *Job) (err error) {
		j.Spec.Needs.CPU, err = r.number(n, key, 0, 100_000)
		return err
	}},
	bytesField("memory", "memory, like 512MiB", func(j *Job) *int64 { return &j.Spec.Needs.Memory }),
	bytesField("disk", "disk, like 2GiB", func(j *Job) *int64 { return &j.Spec.Needs.Disk }),
	whole("gpu", "whole GPUs", 0, 1000, func(j *Job) *int { return &j.Spec.Needs.GPU }),
}

var limitFields = []field{
	wallField("wall", "time from start to end"),
	duration("cpu", "processor time", func(j *Job) *api.Duration { return &j.Spec.Limits.CPU }),
	bytesField("output", "most bytes one task may print", func(j *Job) *int64 { return &j.Spec.Limits.Output }),
}

// inputShapes describes the long form of an input; readInputs reads it.
var inputShapes = []field{
	{key: "path", doc: "a local file or folder", shape: textShape},
	{key: "as", doc: "its name in the task's directory", shape: textShape},
}

func text(key, doc string, at func(*Job) *string) field {
	return field{key, doc, textShape, func(r *reader, n ast.Node, key string, j *Job) (err error) {
		*at(j), err = r.textOf(n, key)
		return err
	}}
}

func texts(key, doc string, at func(*Job) *[]string) field {
	return field{key, doc, textList, func(r *reader, n ast.Node, key string, j *Job) (err error) {
		*at(j), err = r.list(n, key)
		return err
	}}
}

func whole(key, doc string, lo, hi int, at func(*Job) *int) field {
	return field{key, doc, wholeShape(lo, hi), func(r *reader, n ast.Node, key string, j *Job) (err error) {
		*at(j), err = r.whole(n, key, lo, hi)
		return err
	}}
}

func duration(key, doc string, at func(*Job) *api.Duration) field {
	return field{key, doc, textShape, func(r *reader, n ast.Node, key string, j *Job) (err error) {
		*at(j), err = r.duration(n, key)
		return err
	}}
}

// wallField can be said in two places, but only once.
func wallField(key, doc string) field {
	return field{key, doc, textShape, func(r *reader, n ast.Node, key string, j *Job) (err error) {
		if j.Spec.Limits.Wall != 0 {
			return r.fail(place(n), "leave one of them out", "timeout and limits.wall are the same, and both are set")
		}
		j.Spec.Limits.Wall, err = r.duration(n, key)
		return err
	}}
}

func bytesField(key, doc string, at func(*Job) *int64) field {
	return field{key, doc, anyOf(textShape, wholeShape(0, math.MaxInt)), func(r *reader, n ast.Node, key string, j *Job) (err error) {
		*at(j), err = r.bytes(n, key)
		return err
	}}
}

func choice(at func(*Job) *string, words ...string) func(*reader, ast.Node, string, *Job) error {
	return func(r *reader, n ast.Node, key string, j *Job) error {
		s, err := r.textOf(n, key)
		if err == nil && !slices.Contains(words, s) {
			return r.fail(place(n), didYouMean(s, words), "%s is %s, want %s", key, s, strings.Join(words, " or "))
		}
		*at(j) = s
		return err
	}
}

func readCommand(r *reader, n ast.Node, key string, j *Job) (err error) {
	if _, isList := n.(*ast.SequenceNode); isList {
		j.Spec.Command, err = r.list(n, key)
		return err
	}
	line, err := r.textOf(n, key)
	if err != nil {
		return err
	}
	if j.Spec.Command, err = splitWords(line); err != nil {
		return r.fail(place(n), api.HintOf(err), "%s: %s", key, err)
	}
	return nil
}

func readEach(r *reader, n ast.Node, key string, j *Job) error {
	pairs, err := r.pairs(n, key, "a mapping of variables to values")
	if err != nil {
		return err
	}
	for _, p := range pairs {
		name := p.Key.GetToken().Value
		k := key + "." + name
		r.at[k] = place(p)
		var axis api.Axis
		if _, isList := p.Value.(*ast.SequenceNode); isList {
			axis.Name = name
			if axis.Values, err = r.list(p.Value, k); err != nil {
				return err
			}
		} else {
			s, err := r.textOf(p.Value, k)
			if err != nil {
				return err
			}
			if axis, err = ParseAxis(name, s, j.Dir); err != nil {
				return r.fail(place(p.Value), api.HintOf(err), "%s: %s", k, err)
			}
		}
		j.Spec.Each = append(j.Spec.Each, axis)
	}
	if len(pairs) == 0 {
		return r.fail(place(n), "leave each out for a single task", "each names no variable")
	}
	return nil
}

func readInputs(r *reader, n ast.Node, key string, j *Job) error {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		return r.mismatch(n, key, "a list of files", "")
	}
	for i, v := range seq.Values {
		k := fmt.Sprintf("%s[%d]", key, i)
		r.at[k] = place(v)
		var in LocalInput
		switch v.(type) {
		case *ast.MappingNode, *ast.MappingValueNode:
			parts, err := r.dict(v, k)
			if err != nil {
				return err
			}
			for name := range parts {
				if find(inputShapes, name) == nil {
					return r.fail(r.at[k+"."+name], didYouMean(name, keys(inputShapes)), "unknown key %s.%s", k, name)
				}
			}
			in = LocalInput{Path: parts["path"], Dest: parts["as"]}
		default:
			s, err := r.textOf(v, k)
			if err != nil {
				return err
			}
			in.Path = s
		}
		if in.Path == "" {
			return r.fail(place(v), "", "%s names no path", k)
		}
		if in.Dest == "" {
			in.Dest = destOf(in.Path)
		}
		j.Inputs = append(j.Inputs, in)
	}
	return nil
}

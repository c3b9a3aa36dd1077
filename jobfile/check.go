package jobfile

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// Check tells what is wrong with a job before anything is uploaded: what can be
// known without the pool. Its errors name the key they are about.
func (j *Job) Check() error {
	if len(j.Spec.Name) > 100 {
		return wrong("name", "", "the name is longer than 100 bytes")
	}
	if err := j.checkWhat(); err != nil {
		return err
	}
	if err := checkEach(j.Spec.Each); err != nil {
		return err
	}
	if j.Spec.Stdin != "" && j.StdinFile != "" {
		return wrong("stdin_file", "give one of the two", "both stdin and stdin_file are set")
	}
	if err := j.checkPaths(); err != nil {
		return err
	}
	return j.checkPlaceholders()
}

// checkWhat checks what is to be executed.
func (j *Job) checkWhat() error {
	rt := j.Spec.Runtime
	switch {
	case j.Module != "" && j.Spec.Image != "":
		return wrong("image", "give one of the two", "both module and image are set")
	case j.Module != "" && rt != "" && rt != api.RuntimeWasm:
		return wrong("runtime", "leave runtime out", "a module runs in wasm, not in %s", rt)
	case j.Spec.Image != "" && rt != "" && rt != api.RuntimeDocker:
		return wrong("runtime", "leave runtime out", "an image runs in docker, not in %s", rt)
	case rt == api.RuntimeWasm && j.Module == "":
		return wrong("runtime", "module: program.wasm", "runtime wasm needs a module")
	case rt == api.RuntimeDocker && j.Spec.Image == "":
		return wrong("runtime", "image: NAME", "runtime docker needs an image")
	case !j.Spec.Network.None() && j.Spec.Image == "":
		return wrong("network", "image: NAME", "only a container can have a network")
	case len(j.Spec.Command) == 0 && j.Module == "" && j.Spec.Image == "":
		return wrong("command", "command: [program, argument]", "there is nothing to run: no command")
	case len(j.Spec.Command) > 0 && j.Spec.Command[0] == "":
		return wrong("command[0]", "", "the program's name is empty")
	case len(j.Spec.Command) > 1000:
		return wrong("command", "put long lists into an input file", "the command has more than 1000 words")
	}
	for i, word := range j.Spec.Command {
		if strings.ContainsRune(word, 0) {
			return wrong(fmt.Sprintf("command[%d]", i), "", "a zero byte cannot be in a command")
		}
	}
	for name, value := range j.Spec.Env {
		if !api.EnvName(name) || strings.ContainsRune(value, 0) {
			return wrong("env."+name, "NAME: value", "%q cannot be an environment variable", name)
		}
	}
	if j.Module != "" && j.Spec.Runtime == "" {
		j.Spec.Runtime = api.RuntimeWasm
	}
	if j.Spec.Image != "" && j.Spec.Runtime == "" {
		j.Spec.Runtime = api.RuntimeDocker
	}
	if j.Spec.Runtime == api.RuntimeWasm && len(j.Spec.Command) == 0 {
		j.Spec.Command = []string{filepath.Base(j.Module)}
	}
	return nil
}

func checkEach(each []api.Axis) error {
	var names []string
	for _, a := range each {
		key := "each." + a.Name
		switch {
		case !api.AxisName(a.Name):
			return wrong(key, "a lower-case letter, then letters, digits and _", "%q is not a variable's name", clip(a.Name, 60))
		case a.Name == "task":
			return wrong(key, "{task} is the task's number already", "the name task is taken")
		case slices.Contains(names, a.Name):
			return wrong(key, "", "%s stands twice", a.Name)
		case count(a) == 0:
			return wrong(key, "like 1-100, [a, b, c] or \"@file\"", "%s has no values: the array is empty", a.Name)
		case a.Width > 20:
			return wrong(key, "", "%s is padded to more than 20 digits", a.Name)
		case count(a) > api.MaxTasks:
			return wrong(key, "split it into several jobs", "%s has %d values, an array may have at most %d tasks", a.Name, count(a), api.MaxTasks)
		}
		names = append(names, a.Name)
	}
	if len(each) > 8 {
		return wrong("each", "", "%d variables are more than 8", len(each))
	}
	if n := Count(each); n > api.MaxTasks {
		return wrong("each", "split it into several jobs", "the combinations make more than %d tasks", api.MaxTasks)
	}
	return nil
}

func (j *Job) checkPaths() error {
	if strings.Contains(j.Spec.Cwd, "{") {
		return wrong("cwd", "command: [sh, -c, \"cd {name} && ...\"] can", "cwd takes no placeholders")
	}
	if j.Spec.Cwd != "" && !local(j.Spec.Cwd) {
		return wrong("cwd", "give it relative to the task's directory", "%s leaves the task's directory", j.Spec.Cwd)
	}
	for i, pattern := range j.Spec.Outputs {
		key := fmt.Sprintf("outputs[%d]", i)
		if !local(pattern) {
			return wrong(key, "give it relative to the task's directory", "output %s leaves the task's directory", pattern)
		}
		if _, err := path.Match(pattern, ""); err != nil {
			return wrong(key, "a [ must be closed", "output %s is not a pattern", pattern)
		}
	}
	seen := map[string]string{}
	for i, in := range j.Inputs {
		key := fmt.Sprintf("inputs[%d]", i)
		if in.Dest == "." || in.Dest == "" {
			return wrong(key, "give it a name in the task's directory: "+in.Path+":work on the command line, {path: "+in.Path+", as: work} in a job file; then cwd: work", "input %s has no name of its own", in.Path)
		}
		if !local(in.Dest) {
			return wrong(key, "give it relative to the task's directory", "input %s leaves the task's directory", in.Dest)
		}
		if other, twice := seen[path.Clean(in.Dest)]; twice {
			return wrong(key, "name one of them otherwise", "%s and %s would both be %s", other, in.Path, in.Dest)
		}
		seen[path.Clean(in.Dest)] = in.Path
	}
	if len(j.Inputs) > 1000 {
		return wrong("inputs", "give a folder", "%d inputs are more than 1000", len(j.Inputs))
	}
	return nil
}

// local tells whether a slash-separated path stays below its directory.
func local(p string) bool {
	return p != "" && !strings.Contains(p, "\x00") && !strings.Contains(p, `\`) && filepath.IsLocal(filepath.FromSlash(p)) && !path.IsAbs(p)
}

// destOf is the name an input gets when none is given: its own relative path
// where that stays below, else its last element.
func destOf(p string) string {
	slash := path.Clean(filepath.ToSlash(p))
	if local(slash) {
		return slash
	}
	if base := path.Base(slash); base != ".." && base != "/" {
		return base
	}
	return "."
}

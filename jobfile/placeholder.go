package jobfile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// checkPlaceholders checks every text that may hold placeholders.
func (j *Job) checkPlaceholders() error {
	known := []string{"task"}
	for _, a := range j.Spec.Each {
		known = append(known, a.Name)
	}
	check := func(key, text string) error {
		for rest := text; ; {
			i := strings.IndexByte(rest, '{')
			if i < 0 {
				return nil
			}
			rest = rest[i+1:]
			if strings.HasPrefix(rest, "{") {
				rest = rest[1:]
				continue
			}
			end := strings.IndexByte(rest, '}')
			if end < 0 || !api.AxisName(rest[:end]) {
				return wrong(key, "write {{ for a brace, {name} for a variable", "%q opens a placeholder that is none", clip("{"+rest, 30))
			}
			if name := rest[:end]; !slices.Contains(known, name) {
				return wrong(key, didYouMean(name, known), "unknown placeholder {%s}", name)
			}
			rest = rest[end+1:]
		}
	}
	for i, s := range j.Spec.Command {
		if err := check(fmt.Sprintf("command[%d]", i), s); err != nil {
			return err
		}
	}
	for _, k := range slices.Sorted(maps.Keys(j.Spec.Env)) {
		if err := check("env."+k, j.Spec.Env[k]); err != nil {
			return err
		}
	}
	for i, in := range j.Inputs {
		if err := check(fmt.Sprintf("inputs[%d]", i), in.Dest); err != nil {
			return err
		}
	}
	for i, s := range j.Spec.Outputs {
		if err := check(fmt.Sprintf("outputs[%d]", i), s); err != nil {
			return err
		}
	}
	return check("stdin", j.Spec.Stdin)
}

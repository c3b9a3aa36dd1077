package api

import "regexp"

var (
	envName  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)
	axisName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
)

// EnvName tells whether s can name a variable of a task's environment: a letter or
// _, then letters, digits, _, . and -, at most 256 in all.
func EnvName(s string) bool { return len(s) <= 256 && envName.MatchString(s) }

// AxisName tells whether s can name an axis of an array: a lower case letter, then
// such letters, digits and _, at most 40 in all.
func AxisName(s string) bool { return len(s) <= 40 && axisName.MatchString(s) }

package api

import "regexp"

var (
	envName  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)
	axisName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	ownName  = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*$`) // as in the tags of ContainerSpec and Group
)

const maxOwnName = 63

// EnvName tells whether s can name a variable of a task's environment: a letter or
// _, then letters, digits, _, . and -, at most 256 in all.
func EnvName(s string) bool { return len(s) <= 256 && envName.MatchString(s) }

// AxisName tells whether s can name an axis of an array: a lower case letter, then
// such letters, digits and _, at most 40 in all.
func AxisName(s string) bool { return len(s) <= 40 && axisName.MatchString(s) }

// CheckName refuses, as KindInvalid, what a container or a group cannot be called.
func CheckName(name string) error {
	if len(name) > maxOwnName || !ownName.MatchString(name) {
		return Errorf(KindInvalid, "%q cannot be the name of a container or a group", name).
			WithHint("lower-case letters, digits, '.', '_' and '-', at most %d, a letter or a digit first", maxOwnName)
	}
	return nil
}

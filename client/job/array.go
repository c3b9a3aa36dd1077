package job

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// maxValue bounds one value of an axis in bytes.
const maxValue = 64 << 10

// array is the product of a job's axes. A task's values are computed from its
// index, never stored: an array of a million tasks costs what its lists cost.
type array struct {
	axes []axis
	n    int64 // tasks
}

type axis struct {
	name       string
	from, step int64
	width      int
	values     []string // instead of a range
	n          int64
	stride     int64 // how many tasks share a value before the next one
	longest    int   // bytes of the longest value
}

func newArray(each []api.Axis) (array, error) {
	a := array{n: 1}
	seen := map[string]bool{}
	if len(each) > 8 {
		return a, api.Errorf(api.KindTooLarge, "%d array variables, at most 8", len(each)).
			WithHint("put several values into one variable's items, or split the job")
	}
	for _, x := range each {
		ax, err := newAxis(x)
		if err != nil {
			return a, err
		}
		if seen[x.Name] {
			return a, api.Errorf(api.KindInvalid, "array variable %q is there twice", x.Name).WithHint("give each its own name")
		}
		seen[x.Name] = true
		if a.n > api.MaxTasks/ax.n { // before multiplying: the product may not fit an int64
			return a, api.Errorf(api.KindTooLarge, "the array has more than %d tasks", api.MaxTasks).
				WithHint("let each task do more, or submit several jobs")
		}
		a.n *= ax.n
		a.axes = append(a.axes, ax)
	}
	stride := int64(1)
	for i := len(a.axes) - 1; i >= 0; i-- {
		a.axes[i].stride = stride
		stride *= a.axes[i].n
	}
	return a, nil
}

func newAxis(x api.Axis) (axis, error) {
	ax := axis{name: x.Name, from: x.From, step: x.Step, width: x.Width, values: x.Values}
	if !api.AxisName(x.Name) {
		return ax, api.Errorf(api.KindInvalid, "array variable %q: a name is a lower-case letter, then letters, digits and _, 40 at most", clip(x.Name, 60))
	}
	if x.Name == "task" {
		return ax, api.Errorf(api.KindInvalid, "array variable %q: that name is the task's index", x.Name).WithHint("choose another name")
	}
	if x.Values != nil {
		if len(x.Values) == 0 {
			return ax, emptyAxis(x.Name)
		}
		if x.From != 0 || x.To != 0 || x.Step != 0 || x.Width != 0 {
			return ax, api.Errorf(api.KindInvalid, "array variable %q has both a list and a range", x.Name).WithHint("give one of them")
		}
		for i, v := range x.Values {
			if len(v) > maxValue {
				return ax, api.Errorf(api.KindTooLarge, "array variable %q: item %d has %d bytes, at most %d", x.Name, i, len(v), maxValue).
					WithHint("put large data into an input file")
			}
			if err := text(v); err != nil {
				return ax, api.Errorf(api.KindInvalid, "array variable %q: item %d %v", x.Name, i, err)
			}
			ax.longest = max(ax.longest, len(v))
		}
		ax.n = int64(len(x.Values))
		return ax, nil
	}
	if ax.step == 0 {
		ax.step = 1
	}
	if x.Width < 0 || x.Width > 20 {
		return ax, api.Errorf(api.KindInvalid, "array variable %q: width %d, want 0 to 20", x.Name, x.Width)
	}
	if (ax.step > 0 && x.From > x.To) || (ax.step < 0 && x.From < x.To) {
		return ax, emptyAxis(x.Name)
	}
	// Unsigned differences are right for any two int64s.
	span, step := uint64(x.To)-uint64(x.From), uint64(ax.step)
	if ax.step < 0 {
		span, step = uint64(x.From)-uint64(x.To), -uint64(ax.step)
	}
	if span/step >= math.MaxInt64 {
		return ax, api.Errorf(api.KindTooLarge, "array variable %q has more than %d values", x.Name, api.MaxTasks)
	}
	ax.n = int64(span/step) + 1
	ax.longest = max(20, x.Width)
	return ax, nil
}

func emptyAxis(name string) error {
	return api.Errorf(api.KindInvalid, "array variable %q is empty: the job would have no task", name).
		WithHint("give it a value, or a range whose end is not before its beginning")
}

func (x *axis) value(i int64) string {
	if x.values != nil {
		return x.values[i]
	}
	v := x.from + i*x.step
	if x.width > 0 {
		return fmt.Sprintf("%0*d", x.width, v)
	}
	return strconv.FormatInt(v, 10)
}

// value is the value of axis k for a task.
func (a *array) value(k int, task api.TaskID) string {
	x := &a.axes[k]
	return x.value(int64(task) / x.stride % x.n)
}

// values is all of a task's variables, nil for a job without an array.
func (a *array) values(task api.TaskID) map[string]string {
	if len(a.axes) == 0 {
		return nil
	}
	m := make(map[string]string, len(a.axes))
	for k := range a.axes {
		m[a.axes[k].name] = a.value(k, task)
	}
	return m
}

func (a *array) index(name string) int {
	return slices.IndexFunc(a.axes, func(x axis) bool { return x.name == name })
}

func (a *array) names() []string {
	var names []string
	for _, x := range a.axes {
		names = append(names, x.name)
	}
	return append(names, "task")
}

// text refuses what neither JSON nor an argument list can carry unchanged.
func text(s string) error {
	if !utf8.ValidString(s) {
		return fmt.Errorf("is not UTF-8 text")
	}
	for i := range len(s) {
		if s[i] == 0 {
			return fmt.Errorf("holds a NUL byte")
		}
	}
	return nil
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "..."
}

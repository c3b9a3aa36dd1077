package job

import (
	"strconv"
	"strings"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// template is a text with placeholders, parsed once: {name} is a variable of the
// array, {task} the task's index, {{ a brace. A lone } is itself.
type template struct {
	parts []part
	plain string // the whole text, when it has no placeholder
	bytes int    // most bytes it can become
}

type part struct {
	lit string
	ref int // with lit empty: an axis, or refTask
}

const refTask = -1

// parseTemplate reads s; what names the place in error messages.
func parseTemplate(what, s string, a *array) (template, error) {
	if err := text(s); err != nil {
		return template{}, api.Errorf(api.KindInvalid, "%s %v", what, err)
	}
	var t template
	var lit strings.Builder
	for i := 0; i < len(s); {
		open := strings.IndexByte(s[i:], '{')
		if open < 0 {
			lit.WriteString(s[i:])
			break
		}
		lit.WriteString(s[i : i+open])
		i += open
		if strings.HasPrefix(s[i:], "{{") {
			lit.WriteByte('{')
			i += 2
			continue
		}
		shut := strings.IndexByte(s[i:], '}')
		if shut < 0 {
			return t, api.Errorf(api.KindInvalid, "%s: { without } in %q", what, clip(s, 80)).WithHint("write {{ for a brace")
		}
		name := s[i+1 : i+shut]
		ref := refTask
		if name != "task" {
			if ref = a.index(name); ref < 0 {
				return t, api.Errorf(api.KindInvalid, "%s: unknown placeholder {%s} in %q", what, clip(name, 40), clip(s, 80)).
					WithHint("known: %s; write {{ for a brace", strings.Join(a.names(), ", "))
			}
		}
		if lit.Len() > 0 {
			t.parts, t.bytes = append(t.parts, part{lit: lit.String()}), t.bytes+lit.Len()
			lit.Reset()
		}
		t.parts = append(t.parts, part{ref: ref})
		t.bytes += t.width(ref, a)
		i += shut + 1
	}
	if len(t.parts) == 0 {
		t.plain, t.bytes = lit.String(), lit.Len()
		return t, nil
	}
	if lit.Len() > 0 {
		t.parts, t.bytes = append(t.parts, part{lit: lit.String()}), t.bytes+lit.Len()
	}
	return t, nil
}

func (t *template) width(ref int, a *array) int {
	if ref == refTask {
		return len(strconv.Itoa(api.MaxTasks))
	}
	return a.axes[ref].longest
}

// varies tells whether tasks can differ in it.
func (t *template) varies() bool { return len(t.parts) > 0 }

// render is the text for a task.
func (t *template) render(a *array, task api.TaskID) string {
	if len(t.parts) == 0 {
		return t.plain
	}
	var b strings.Builder
	for _, p := range t.parts {
		switch {
		case p.lit != "":
			b.WriteString(p.lit)
		case p.ref == refTask:
			b.WriteString(task.String())
		default:
			b.WriteString(a.value(p.ref, task))
		}
	}
	return b.String()
}

package job

import (
	"fmt"
	"path"
	"strings"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// localGlob says what is wrong with an output pattern. A pattern is matched
// segment by segment as path.Match does; a segment ** matches any folders.
func localGlob(p string) string {
	if strings.Contains(p, `\`) {
		return "holds a backslash" // an escape would hide what localPath looks for
	}
	if why := localPath(p); why != "" {
		return why
	}
	for seg := range strings.SplitSeq(p, "/") {
		if seg == "**" {
			continue
		}
		if strings.Contains(seg, "**") {
			return "has ** beside other characters: it stands for whole folders"
		}
		if _, err := path.Match(seg, "x"); err != nil {
			return "is no pattern: [ without ]"
		}
	}
	return ""
}

func badPath(what, path, why string) error {
	return api.Errorf(api.KindInvalid, "%s %q %s", what, clip(path, 80), why).
		WithHint("give a path below the task's directory, with /")
}

// localPath says what is wrong with a path that should stay below a directory.
func localPath(p string) string {
	switch {
	case p == "":
		return "is empty"
	case len(p) > 4096:
		return "is longer than 4096 bytes"
	case strings.HasPrefix(p, "/"):
		return "is absolute"
	case strings.ContainsRune(p, '\\'):
		return "holds a backslash"
	case text(p) != nil:
		return "is not plain text"
	}
	for seg := range strings.SplitSeq(p, "/") {
		switch seg {
		case "..":
			return "leaves the task's directory"
		case "", ".":
			return "is not in its shortest form"
		}
	}
	if len(p) >= 2 && p[1] == ':' {
		return "names a drive"
	}
	return ""
}

// eachRendering checks every form that a path can take: two harmless values may
// make a harmful path together, so nothing less will do.
func (p *plan) eachRendering(what string, t *template, check func(string) string) error {
	if !t.varies() {
		if why := check(t.plain); why != "" {
			return badPath(what, t.plain, why)
		}
		return nil
	}
	for task := range api.TaskID(p.array.n) {
		path := t.render(&p.array, task)
		if why := check(path); why != "" {
			return badPath(fmt.Sprintf("%s of task %d", what, task), path, why)
		}
	}
	return nil
}

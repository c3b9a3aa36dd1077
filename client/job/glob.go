package job

import (
	"path"
	"strings"
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

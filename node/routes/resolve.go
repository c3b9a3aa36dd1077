package routes

import (
	"strings"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// unique finds the one id that is typed, or that begins or ends with it.
func unique(what, listing, typed string, ids []string) (string, error) {
	var found []string
	for _, id := range ids {
		switch {
		case id == typed:
			return id, nil
		case typed != "" && (hasPrefixFold(id, typed) || hasSuffixFold(id, typed)):
			found = append(found, id)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", api.Errorf(api.KindNotFound, "no %s %q here", what, typed).WithHint("see: %s", listing)
	}
	return "", api.Errorf(api.KindInvalid, "%d %ss match %q", len(found), what, typed).WithHint("write more of the id, see: %s", listing)
}

func hasPrefixFold(s, p string) bool { return len(s) >= len(p) && strings.EqualFold(s[:len(p)], p) }
func hasSuffixFold(s, p string) bool {
	return len(s) >= len(p) && strings.EqualFold(s[len(s)-len(p):], p)
}

package cli

import (
	"strings"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// findOne finds the one id that is typed, or that begins or ends with it.
func findOne[T any](what, listing, typed string, rows []T, id func(T) string) (string, error) {
	var found []string
	for _, r := range rows {
		if id(r) == typed {
			return typed, nil
		}
		if typed != "" && (strings.HasPrefix(id(r), typed) || strings.HasSuffix(id(r), typed)) {
			found = append(found, id(r))
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", api.Errorf(api.KindNotFound, "there is no %s %q", what, typed).WithHint("%s lists them", listing)
	}
	return "", api.Errorf(api.KindInvalid, "%q could be %d %ss", typed, len(found), what).WithHint("write more of the id: %s", strings.Join(found, ", "))
}

// must is for what can only fail by a mistake in the program.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

package job

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/google/cel-go/common"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/suggest"
)

const whereExample = `for example: os == "linux" && cores >= 4 && labels["room"] == "lab"`

// whereCalls are the functions whose names people get nearly right.
var whereCalls = []string{"startsWith", "endsWith", "contains", "matches", "size", "has", "exists", "all"}

// celSays is what cel finds wrong with an expression, and our words for it. What
// is not here is handed on as cel says it.
var celSays = []struct {
	re    *regexp.Regexp
	words func(found string) (msg, hint string)
}{
	{regexp.MustCompile(`^undeclared reference to '(.*?)'`), unknownName},
	{regexp.MustCompile(`^found no matching overload for '(.*)'$`), func(use string) (string, string) {
		op, on, _ := strings.Cut(use, "' applied to '")
		on = strings.ReplaceAll(strings.Trim(on, "()"), ", ", " and ")
		return strings.NewReplacer("_", "", "@", "").Replace(op) + " does not go with " + on, "text is written in quotes, numbers are not; " + whereExample
	}},
	{regexp.MustCompile(`^type '(.*?)' does not support field selection`), func(kind string) (string, string) {
		return "a " + kind + " has nothing behind a dot", whereExample
	}},
	{regexp.MustCompile(`^Syntax error: missing '(.*?)' at`), func(what string) (string, string) {
		return what + " is missing", whereExample
	}},
	{regexp.MustCompile(`^Syntax error: mismatched input '(<EOF>)'`), func(string) (string, string) {
		return "it ends where something should follow", whereExample
	}},
	{regexp.MustCompile(`^Syntax error: token recognition error at: '(["'].*)'$`), func(string) (string, string) {
		return "a quote is not closed", whereExample
	}},
	{regexp.MustCompile(`^Syntax error: (?:mismatched input|extraneous input|token recognition error at:) '(.*?)'`), func(what string) (string, string) {
		return fmt.Sprintf("%q cannot stand here", strings.TrimSpace(what)), "== compares, && and || join, 4*GiB is a size; " + whereExample
	}},
}

func unknownName(name string) (msg, hint string) {
	near := suggest.Closest(name, append(whereNames(), whereCalls...))
	switch near {
	case "":
		return fmt.Sprintf("there is no name %q", name), "text is written in quotes; the names are " + strings.Join(whereNames(), ", ")
	case name:
		return name + " is not used like that", whereExample
	}
	return fmt.Sprintf("there is no name %q", name), "did you mean " + near + "? Text is written in quotes"
}

// whereMistake is what cel found wrong with an expression, in one line.
func whereMistake(e *common.Error) *api.Error {
	at := fmt.Sprintf("column %d", e.Location.Column()+1)
	if n := e.Location.Line(); n > 1 {
		at = fmt.Sprintf("line %d, %s", n, at)
	}
	msg, hint := e.Message, whereExample
	for _, c := range celSays {
		if found := c.re.FindStringSubmatch(e.Message); found != nil {
			msg, hint = c.words(found[1])
			break
		}
	}
	return api.Errorf(api.KindInvalid, "where, %s: %s", at, oneLine(msg)).WithHint("%s", hint)
}

package cli

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// agreed asks whoever types whether to go on. Where nobody does, the answer is no,
// and unasked says what --yes is for.
func agreed(a *app, question, unasked string) error {
	if !typed(a.env.Stdin) {
		return api.Errorf(api.KindUsage, "%s, then say --yes", unasked)
	}
	fmt.Fprintf(a.out.stderr, "\n%s [y/N] ", question)
	line, _ := bufio.NewReader(a.env.Stdin).ReadString('\n') // no line is no
	if answer := strings.ToLower(strings.TrimSpace(line)); answer != "y" && answer != "yes" {
		return api.Errorf(api.KindCanceled, "nothing was done")
	}
	return nil
}

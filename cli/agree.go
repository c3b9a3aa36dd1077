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

// agreeToEnds lists the containers that a change takes away, and asks.
func agreeToEnds(a *app, change string, ends []api.Sandbox, yes bool) error {
	if yes || len(ends) == 0 {
		return nil
	}
	shown := *a.out
	shown.stdout = a.out.stderr
	if err := listSandboxes(&shown, false, ends); err != nil {
		return err
	}
	what := plural(int64(len(ends)), "container")
	return agreed(a, "take "+what+" away, with all files?", change+" "+what+" away, with all files: look at them")
}

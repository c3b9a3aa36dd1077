package cli

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// Reference is the manual of all commands in Markdown, made from what --help
// prints.
func Reference() []byte {
	env := Env{Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: io.Discard, Getenv: func(string) string { return "" }}
	root := newRoot(newApp(env, Deps{}))
	root.InitDefaultHelpCmd()
	var b bytes.Buffer
	b.WriteString("# Commands\n\nMade by `make docs` from what `p2prc COMMAND --help` prints; do not edit.\n\n")
	section(&b, root)
	return b.Bytes()
}

func section(b *bytes.Buffer, cmd *cobra.Command) {
	if cmd.Hidden || cmd.Name() == "help" {
		return
	}
	fmt.Fprintf(b, "## %s\n\n```\n", cmd.CommandPath())
	var help bytes.Buffer
	cmd.InitDefaultHelpFlag()
	cmd.SetOut(&help)
	must(cmd.Help())
	cmd.SetOut(nil)
	b.WriteString(strings.TrimSpace(help.String()) + "\n```\n\n")
	for _, c := range cmd.Commands() {
		section(b, c)
	}
}

package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/charmbracelet/x/term"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// maxPassphrase is the longest passphrase that is read, in bytes.
const maxPassphrase = 1024

// passphrase asks for one on the terminal, without showing it; where standard
// input is none, it is that input's first line. twice asks again, since what
// nobody saw may be mistyped.
func (a *app) passphrase(ctx context.Context, twice bool) (string, error) {
	f, ok := a.env.Stdin.(*os.File)
	if !ok || !term.IsTerminal(f.Fd()) {
		line, err := bufio.NewReader(io.LimitReader(a.env.Stdin, maxPassphrase+2)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", api.Errorf(api.KindInternal, "standard input: %w", err)
		}
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			return "", api.Errorf(api.KindUsage, "there is no passphrase on standard input").WithHint("run it on a terminal, which asks for it, or: < passphrase.txt")
		}
		return line, nil
	}
	first, err := a.hidden(ctx, f, "passphrase: ")
	if err != nil || !twice {
		return first, err
	}
	second, err := a.hidden(ctx, f, "once more: ")
	if err != nil {
		return "", err
	}
	if first != second {
		return "", api.Errorf(api.KindUsage, "the two passphrases differ").WithHint("try again")
	}
	return first, nil
}

// hidden reads a line without echo. Where the command is interrupted meanwhile
// the terminal gets its echo back; the goroutine that reads ends with the process.
func (a *app) hidden(ctx context.Context, f *os.File, prompt string) (string, error) {
	before, err := term.GetState(f.Fd())
	if err != nil {
		return "", api.Errorf(api.KindInternal, "the terminal: %w", err)
	}
	fmt.Fprint(a.out.stderr, prompt)
	type answer struct {
		text []byte
		err  error
	}
	read := make(chan answer, 1)
	go func() {
		text, err := term.ReadPassword(f.Fd())
		read <- answer{text, err}
	}()
	select {
	case got := <-read:
		fmt.Fprintln(a.out.stderr)
		if got.err != nil {
			return "", api.Errorf(api.KindInternal, "the terminal: %w", got.err)
		}
		return string(got.text), nil
	case <-ctx.Done():
		fmt.Fprintln(a.out.stderr)
		return "", errors.Join(ctx.Err(), term.Restore(f.Fd(), before))
	}
}

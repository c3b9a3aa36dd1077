package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// maxAtOnce bounds how many members of a group something is done to at a time.
const maxAtOnce = 32

// members are the containers that words name: a group's word is all of its
// containers. many: a group was among them, or there is more than one.
func members(ctx context.Context, client *api.Client, words []string) (names []string, many bool, err error) {
	seen := map[string]bool{}
	for _, word := range words {
		g, err := client.Group(ctx, word)
		switch {
		case api.KindOf(err) == api.KindNotFound:
			g.Containers = []string{word}
		case err != nil:
			return nil, false, err
		case len(g.Containers) == 0:
			return nil, false, api.Errorf(api.KindInvalid, "group %s is empty", word).WithHint("p2prc group add %s CONTAINER", word)
		default:
			many = true
		}
		for _, name := range g.Containers {
			if !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	return names, many || len(names) > 1, nil
}

// each does something to the containers that words name. To one by its own name as
// if there were no groups; to many at once, each line of theirs behind the member's
// name, how each ended on stderr, and the largest of their exit codes at the end. own
// says that do's exit codes are a guest's.
func each(ctx context.Context, a *app, client *api.Client, words []string, own bool, do func(ctx context.Context, a *app, name string) error) error {
	names, many, err := members(ctx, client, words)
	if err != nil {
		return err
	}
	if !many {
		return do(ctx, a, names[0])
	}
	var all sync.WaitGroup
	var mu sync.Mutex // guards worst
	worst := 0
	out, errs := &sharedWriter{w: a.out.stdout}, &sharedWriter{w: a.out.stderr}
	slots := make(chan struct{}, maxAtOnce)
	for _, name := range names {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			code := one(ctx, a, name, out, errs, own, do)
			mu.Lock()
			defer mu.Unlock()
			worst = max(worst, code)
		})
	}
	all.Wait()
	if worst > 0 {
		return &exitError{code: worst}
	}
	return nil
}

// one does it to one of many, and says how that ended.
func one(ctx context.Context, a *app, name string, out, errs io.Writer, own bool, do func(ctx context.Context, a *app, name string) error) int {
	prefix := name + ": "
	stdout, stderr := &lineWriter{w: out, prefix: prefix}, &lineWriter{w: errs, prefix: prefix}
	b := *a
	b.out = &output{stdout: stdout, stderr: stderr}
	err := do(ctx, &b, name)
	code := b.out.ended(err, own)
	var ee *exitError
	switch {
	case err == nil:
		b.out.note("ok")
	case errors.As(err, &ee) && ee.err == nil:
		b.out.note("exit code %d", code)
	}
	// What cannot be printed is lost for every member.
	_ = stdout.Flush()
	_ = stderr.Flush()
	return code
}

// sharedWriter lets many write lines.
type sharedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (s *sharedWriter) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(p)
}

// targetWords are the names of containers and of groups.
func targetWords(ctx context.Context, c *api.Client) ([]string, error) {
	words, err := containerWords(ctx, c)
	if err != nil {
		return nil, err
	}
	groups, err := groupWords(ctx, c)
	return append(words, groups...), err
}

func groupWords(ctx context.Context, c *api.Client) ([]string, error) {
	groups, err := c.Groups(ctx)
	if err != nil {
		return nil, err
	}
	var words []string
	for _, g := range groups {
		words = append(words, fmt.Sprintf("%s\tgroup of %s", g.Name, plural(int64(len(g.Containers)), "container")))
	}
	return words, nil
}

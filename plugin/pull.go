package plugin

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

var (
	schemeURL = regexp.MustCompile(`^(https?|ssh|git|file)://[^-].*$`)
	// Of an address whose path ends in .git a revision may have slashes.
	slashedRev = regexp.MustCompile(`^((?:[a-z]+://[^/]*/|[^/@]+@[^/@:]+:|/|\.\.?/).*?\.git)@(.+)$`)
	scpURL     = regexp.MustCompile(`^[A-Za-z0-9._-]+@[A-Za-z0-9][A-Za-z0-9.-]*:.+$`)
)

// Pull fetches a plugin with the machine's git and pins it, in place of what was
// pulled from the same address before. source is GIT-URL[@REV]; a REV with a slash
// needs a GIT-URL that ends in .git.
func (f *Folder) Pull(ctx context.Context, source string) (p Plugin, err error) {
	url, rev, err := parse(source)
	if err != nil {
		return p, err
	}
	name := strings.TrimSuffix(path.Base(filepath.ToSlash(strings.TrimRight(url, "/"))), ".git")
	if i := strings.LastIndexByte(name, ':'); i >= 0 { // host:name
		name = name[i+1:]
	}
	if !named(name) {
		return p, api.Errorf(api.KindInvalid, "%q, the end of the address, is no name of a plugin", name)
	}
	old, err := f.replaceable(name, url)
	if err != nil {
		return p, err
	}
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return p, api.Errorf(api.KindInternal, "%w", err)
	}
	tmp, err := os.MkdirTemp(f.dir, ".pull-")
	if err != nil {
		return p, api.Errorf(api.KindInternal, "%w", err)
	}
	defer os.RemoveAll(tmp)
	repo := filepath.Join(tmp, name)
	commit, err := clone(ctx, url, rev, repo)
	if err != nil {
		return p, err
	}
	if _, err := read(Plugin{Name: name, Dir: repo}); err != nil {
		return p, err
	}
	hash, err := Hash(repo)
	if err != nil {
		return p, err
	}
	pin := Pin{URL: url, Rev: rev, Commit: commit, Hash: hash, Pulled: time.Now().UTC(), Agreed: old.Agreed && old.Hash == hash}
	// The pin comes first: what a crash leaves in between it does not name, so it does not run.
	if err := f.savePin(name, pin); err != nil {
		return p, err
	}
	to := filepath.Join(f.dir, name)
	if err := errors.Join(os.RemoveAll(to), os.Rename(repo, to)); err != nil {
		return p, api.Errorf(api.KindInternal, "%w", err)
	}
	return f.Get(name)
}

// parse takes GIT-URL[@REV] apart. Paths of this machine are addresses too.
func parse(source string) (url, rev string, err error) {
	url = source
	if at := strings.LastIndexByte(source, '@'); at > strings.LastIndexAny(source, `/\:`) && at > 0 {
		url, rev = source[:at], source[at+1:]
	} else if m := slashedRev.FindStringSubmatch(source); m != nil {
		url, rev = m[1], m[2]
	}
	local := filepath.IsAbs(url) || strings.HasPrefix(url, "./") || strings.HasPrefix(url, "../")
	if !local && !schemeURL.MatchString(url) && !scpURL.MatchString(url) {
		return "", "", api.Errorf(api.KindInvalid, "%.200q is no address of a git repository", source).WithHint("like https://example.org/plugin.git@v1.2, git@host:plugin.git or ./folder")
	}
	if strings.HasPrefix(rev, "-") || strings.HasSuffix(source, "@") {
		return "", "", api.Errorf(api.KindInvalid, "%q is no revision", rev)
	}
	return url, rev, nil
}

// replaceable is the pin of what a pull may replace: what was pulled from the same
// address, or nothing. KindConflict: something else is there.
func (f *Folder) replaceable(name, url string) (Pin, error) {
	dir := filepath.Join(f.dir, name)
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return Pin{}, nil
	}
	old, err := f.Get(name)
	switch {
	case old.Pin == nil && api.KindOf(err) == api.KindCorrupt:
		return Pin{}, err
	case old.Pin == nil:
		return Pin{}, api.Errorf(api.KindConflict, "%s is there, and was not pulled", dir).WithHint("p2prc plugin rm %s", name)
	case old.Pin.URL != url:
		return Pin{}, api.Errorf(api.KindConflict, "plugin %s was pulled from %s", name, old.Pin.URL).WithHint("p2prc plugin rm %s", name)
	}
	return *old.Pin, nil // perhaps with files that are broken
}

// clone leaves the files of a revision in dir, without git's own.
func clone(ctx context.Context, url, rev, dir string) (commit string, err error) {
	if _, err := exec.LookPath("git"); err != nil {
		return "", api.Errorf(api.KindUnsupported, "there is no git on this machine").WithHint("apt-get install git, brew install git, or winget install Git.Git")
	}
	args := []string{"clone", "--quiet", "--no-checkout", "--no-recurse-submodules"}
	if rev == "" {
		args = append(args, "--depth", "1")
	}
	if _, err := git(ctx, append(args, "--", url, dir)...); err != nil {
		return "", api.Errorf(api.KindUnavailable, "%s cannot be pulled: %w", url, err)
	}
	if rev == "" {
		rev = "HEAD"
	}
	for _, spelled := range []string{rev, "origin/" + rev} { // a branch is the other's
		if commit, err = git(ctx, "-C", dir, "rev-parse", "--quiet", "--verify", "--end-of-options", spelled+"^{commit}"); err == nil {
			break
		}
	}
	if err != nil {
		return "", api.Errorf(api.KindNotFound, "%s has no revision %q", url, rev)
	}
	if _, err := git(ctx, "-C", dir, "checkout", "--quiet", "--detach", commit); err != nil {
		return "", api.Errorf(api.KindInvalid, "revision %s cannot be read: %w", commit, err)
	}
	return commit, os.RemoveAll(filepath.Join(dir, ".git"))
}

// git runs it without questions, and with the transports that an address can name.
func git(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-c", "core.hooksPath=" + os.DevNull, "-c", "core.autocrlf=false"}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0", "GIT_ALLOW_PROTOCOL=file:git:http:https:ssh")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case err != nil && errs.Len() > 0:
		err = errors.New(strings.TrimSpace(errs.String()))
	}
	return strings.TrimSpace(out.String()), err
}

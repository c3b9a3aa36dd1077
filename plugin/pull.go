package plugin

import (
	"bytes"
	"context"
	"errors"
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
	scpURL    = regexp.MustCompile(`^[A-Za-z0-9._-]+@[A-Za-z0-9][A-Za-z0-9.-]*:.+$`)
)

// Pull fetches a plugin with the machine's git and pins it, in place of what was
// pulled from the same address before. source is GIT-URL[@REV].
func (f *Folder) Pull(ctx context.Context, source string) (p Plugin, err error) {
	url, rev, err := parse(source)
	if err != nil {
		return p, err
	}
	name := strings.TrimSuffix(path.Base(filepath.ToSlash(strings.TrimRight(url, "/"))), ".git")
	if i := strings.LastIndexByte(name, ':'); i >= 0 { // host:name
		name = name[i+1:]
	}
	if !goodName.MatchString(name) {
		return p, api.Errorf(api.KindInvalid, "%q, the end of the address, is no name of a plugin", name)
	}
	if err := f.replaceable(name, url); err != nil {
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
	// A crash between the two leaves files that their pin does not name: they do not run.
	to := filepath.Join(f.dir, name)
	if err := errors.Join(os.RemoveAll(to), os.Rename(repo, to)); err != nil {
		return p, api.Errorf(api.KindInternal, "%w", err)
	}
	if err := f.savePin(name, Pin{URL: url, Rev: rev, Commit: commit, Hash: hash, Pulled: time.Now().UTC()}); err != nil {
		return p, err
	}
	return f.Get(name)
}

// parse takes GIT-URL[@REV] apart. Paths of this machine are addresses too.
func parse(source string) (url, rev string, err error) {
	url = source
	if at := strings.LastIndexByte(source, '@'); at > strings.LastIndexAny(source, `/\:`) && at > 0 {
		url, rev = source[:at], source[at+1:]
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

// replaceable refuses to put a plugin where another one is.
func (f *Folder) replaceable(name, url string) error {
	old, err := f.Get(name)
	switch {
	case api.KindOf(err) == api.KindNotFound:
		return nil
	case err == nil && old.Pin == nil:
		return api.Errorf(api.KindConflict, "a plugin %s is there that was not pulled", name).WithHint("p2prc plugin rm %s", name)
	case err == nil && old.Pin.URL != url:
		return api.Errorf(api.KindConflict, "plugin %s was pulled from %s", name, old.Pin.URL).WithHint("p2prc plugin rm %s", name)
	}
	return nil // the same again, or a broken one
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

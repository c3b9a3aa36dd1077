package config

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/gofrs/flock"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// File is the settings of one home. It is safe for concurrent use, and any
// number of processes may update the same home's.
type File struct {
	home   string
	getenv func(string) string

	mu      sync.Mutex
	current Config // as last read or saved, without the environment
}

// Open reads the settings of a home; where there is no file yet, they are the
// defaults, and nothing is written until Update. The environment is read
// through getenv, which may be nil for none.
func Open(home string, getenv func(string) string) (*File, error) {
	if getenv == nil {
		getenv = func(string) string { return "" }
	}
	f := &File{home: home, getenv: getenv}
	c, err := f.read()
	if err != nil {
		return nil, err
	}
	if _, err := c.withEnv(getenv); err != nil {
		return nil, err
	}
	f.current = c
	return f, nil
}

// Path is where the file is.
func (f *File) Path() string { return filepath.Join(f.home, FileName) }

// Get is what holds for this process: the file, and above it the environment.
// The caller owns the copy.
func (f *File) Get() Config {
	f.mu.Lock()
	defer f.mu.Unlock()
	c, err := f.current.clone().withEnv(f.getenv)
	if err != nil {
		return f.current.clone() // Open and Update have refused this before
	}
	return c
}

// Update changes the file: it is read anew under a lock, fn changes a copy, the
// copy is validated and saved. When any of that fails the old settings stay, on
// disk and here, and the error is returned. What the environment says is
// neither seen by fn nor written.
func (f *File) Update(fn func(*Config) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := os.MkdirAll(f.home, 0o700); err != nil {
		return api.Errorf(api.KindInternal, "the home cannot be made: %w", err)
	}
	lock := flock.New(f.Path() + ".lock")
	if err := lock.Lock(); err != nil {
		return api.Errorf(api.KindInternal, "%s cannot be locked: %w", f.Path(), err)
	}
	err := f.updateLocked(fn)
	return errors.Join(err, lock.Close())
}

func (f *File) updateLocked(fn func(*Config) error) error {
	c, err := f.read()
	if err != nil {
		return err
	}
	c = c.clone() // fn may keep what it was given; current must not be it
	if err := fn(&c); err != nil {
		return err
	}
	if err := c.Validate(); err != nil {
		return err
	}
	if _, err := c.clone().withEnv(f.getenv); err != nil {
		return err
	}
	if err := save(f.Path(), c); err != nil {
		return err
	}
	f.current = c.clone()
	return nil
}

// read is the file as it is on disk, validated, or the defaults.
func (f *File) read() (Config, error) {
	c := Default()
	text, err := os.ReadFile(f.Path())
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, api.Errorf(api.KindInternal, "the settings cannot be read: %w", err)
	}
	// encoding/json reuses the elements of a list that is there already: a rule
	// that leaves "allow" out would get it from the default rule in its place.
	c.Lend.Policy, c.Lend.Limits.Runtimes = nil, nil
	if err := decodeStrict(text, &c); err != nil {
		return c, f.blame(err)
	}
	if c.Lend.Policy == nil {
		c.Lend.Policy = DefaultPolicy()
	}
	if c.Lend.Limits.Runtimes == nil {
		c.Lend.Limits.Runtimes = Default().Lend.Limits.Runtimes
	}
	if err := c.Validate(); err != nil {
		return c, f.blame(err)
	}
	return c, nil
}

// blame says which file is wrong.
func (f *File) blame(err error) error {
	hint := api.HintOf(err)
	if hint == "" {
		hint = "edit the file, or take it away to get the defaults"
	}
	return api.Errorf(api.KindInvalid, "%s:%w", f.Path(), spaced{err}).WithHint("%s", hint)
}

// spaced puts a blank before errors that do not start with line:column.
type spaced struct{ error }

func (s spaced) Error() string {
	text := s.error.Error()
	if text != "" && text[0] >= '0' && text[0] <= '9' {
		return text
	}
	return " " + text
}
func (s spaced) Unwrap() error { return s.error }

func (c Config) clone() Config {
	c.Listen.Hosts = slices.Clone(c.Listen.Hosts)
	c.RootNodes = slices.Clone(c.RootNodes)
	c.Labels = maps.Clone(c.Labels)
	c.Lend.Limits.Runtimes = slices.Clone(c.Lend.Limits.Runtimes)
	c.Lend.Policy = slices.Clone(c.Lend.Policy)
	return c
}

// save writes c so that the file is either the old or the new one, also after a
// power cut.
func save(path string, c Config) error {
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return api.Errorf(api.KindInternal, "the settings cannot be written as JSON: %w", err)
	}
	if err := replace(path, append(text, '\n')); err != nil {
		return api.Errorf(api.KindInternal, "the settings cannot be saved: %w", err)
	}
	return nil
}

func replace(path string, text []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".config-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = tmp.Write(text)
	if err == nil {
		err = tmp.Sync()
	}
	err = errors.Join(err, tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	return syncDir(filepath.Dir(path))
}

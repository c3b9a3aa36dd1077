package wasm

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	goruntime "runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// cache holds compiled modules, one folder per content:
//
//	HASH/module.wasm   the module
//	HASH/wazero-...    its compiled form
//
// A folder appears whole or not at all. Sandboxes see only their own module's
// folder, and cannot write to it: what one guest could change there, another
// would execute.
type cache struct {
	dir      string
	compiler compiler
}

const (
	moduleName = "module.wasm"
	newPrefix  = "new-" // of entries that are being made
	maxModule  = 256 << 20
	maxEntries = 64 // the longest unused go first
	maxBytes   = 4 << 30
)

func (c *cache) entry(hash string) string { return filepath.Join(c.dir, hash) }

func hashOf(module string) (string, error) {
	f, err := os.Open(module)
	if err != nil {
		return "", fmt.Errorf("module: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(f, maxModule+1))
	if err != nil {
		return "", fmt.Errorf("module: %w", err)
	}
	if n > maxModule {
		return "", api.Errorf(api.KindInvalid, "the module is larger than %d MiB", maxModule>>20)
	}
	// Another compiler's form is another entry.
	fmt.Fprintf(h, "%s %s %s", compilerVersion(), goruntime.GOARCH, goruntime.GOOS)
	return hex.EncodeToString(h.Sum(nil)), nil
}

func compilerVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, d := range info.Deps {
			if d.Path == "github.com/tetratelabs/wazero" {
				return d.Version
			}
		}
	}
	return ""
}

// used tells whether the entry is there, and that it is needed.
func (c *cache) used(hash string) bool {
	now := time.Now()
	return os.Chtimes(c.entry(hash), now, now) == nil
}

func copyFile(to, from string) error {
	src, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("module: %w", err)
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close())
}

// evict removes the entries that were not used for longest, and what a process
// that was killed did not finish. A sandbox that loses its entry keeps what it has
// loaded.
func (c *cache) evict() error {
	entries, err := os.ReadDir(c.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	type aged struct {
		path string
		used time.Time
	}
	var all []aged
	var errs []error
	for _, e := range entries {
		info, err := e.Info()
		path := filepath.Join(c.dir, e.Name())
		switch {
		case err != nil: // gone
		case len(e.Name()) == 2*sha256.Size:
			all = append(all, aged{path, info.ModTime()})
		case strings.HasPrefix(e.Name(), newPrefix) && time.Since(info.ModTime()) > 2*compileWithin:
			errs = append(errs, os.RemoveAll(path))
		}
	}
	slices.SortFunc(all, func(a, b aged) int { return b.used.Compare(a.used) })
	var sum int64
	for i, e := range all {
		size, err := sizeOf(e.path)
		errs = append(errs, err)
		if sum += size; i > 0 && (i >= maxEntries || sum > maxBytes) {
			errs = append(errs, os.RemoveAll(e.path))
		}
	}
	return errors.Join(errs...)
}

// sizeOf is the bytes of the files below dir.
func sizeOf(dir string) (sum int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			sum += info.Size()
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) { // another node with this cache removed it
		err = nil
	}
	return sum, err
}

package plugin

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// The bounds of a plugin's folder.
const (
	maxFiles = 20_000
	maxBytes = 1 << 30
)

// Files lists the files of a folder, below it, in order, without those of git.
func Files(dir string) ([]string, error) {
	var all []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == ".git":
			return filepath.SkipDir
		case d.IsDir():
			return nil
		case len(all) == maxFiles:
			return api.Errorf(api.KindTooLarge, "a plugin of more than %d files", maxFiles)
		}
		name, err := filepath.Rel(dir, path)
		all = append(all, filepath.ToSlash(name))
		return err
	})
	return all, err
}

// Hash is that of all files of a folder: their names, contents, links, and whether
// they are programs.
func Hash(dir string) (string, error) {
	files, err := Files(dir)
	if err != nil {
		return "", err
	}
	all := sha256.New()
	var size int64
	for _, name := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		info, err := os.Lstat(path)
		if err != nil {
			return "", err
		}
		if size += info.Size(); size > maxBytes {
			return "", api.Errorf(api.KindTooLarge, "a plugin of more than %d MiB", maxBytes>>20)
		}
		what, sum := "file", ""
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			what = "link"
			sum, err = os.Readlink(path)
		case info.Mode().IsRegular() && info.Mode()&0o100 != 0:
			what = "program"
			sum, err = hashFile(path)
		case info.Mode().IsRegular():
			sum, err = hashFile(path)
		default:
			err = api.Errorf(api.KindInvalid, "%s is neither a file nor a link", name)
		}
		if err != nil {
			return "", err
		}
		fmt.Fprintf(all, "%s %q %q\n", what, name, sum)
	}
	return "sha256:" + hex.EncodeToString(all.Sum(nil)), nil
}

func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), err
}

// copyTree copies a folder's files. A link that leaves the folder is refused: a
// copy of it would lead elsewhere.
func copyTree(from, to string) error {
	files, err := Files(from)
	if err != nil {
		return err
	}
	for _, name := range files {
		src, dst := filepath.Join(from, filepath.FromSlash(name)), filepath.Join(to, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(dst), 0o700); err != nil {
			return err
		}
		info, err := os.Lstat(src)
		if err != nil {
			return err
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			target, err := os.Readlink(src)
			if err == nil && (filepath.IsAbs(target) || !filepath.IsLocal(filepath.Join(filepath.Dir(filepath.FromSlash(name)), target))) {
				err = api.Errorf(api.KindInvalid, "the link %s leaves the plugin's folder", name)
			}
			if err == nil {
				err = os.Symlink(target, dst)
			}
			if err != nil {
				return err
			}
			continue
		}
		b, err := os.ReadFile(src)
		if err == nil {
			err = os.WriteFile(dst, b, info.Mode().Perm()&0o700|0o600)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

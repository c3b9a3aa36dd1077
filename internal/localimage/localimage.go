// Package localimage makes container images from files of this machine, for
// tests and measurements: no registry is needed.
package localimage

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/moby/moby/client"
)

// File is a file of an image, a link if Target is not empty.
type File struct {
	Path, Target string
	Content      []byte
}

// Make loads an image of the files into the engine as name. changes are lines of
// a Dockerfile, like USER 1000.
func Make(ctx context.Context, engine *client.Client, name string, changes []string, files ...File) error {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		h := &tar.Header{Name: f.Path, Mode: 0o755, Size: int64(len(f.Content)), Typeflag: tar.TypeReg}
		if f.Target != "" {
			h.Typeflag, h.Linkname = tar.TypeSymlink, f.Target
		}
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		if _, err := w.Write(f.Content); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	r, err := engine.ImageImport(ctx, client.ImageImportSource{Source: &b, SourceName: "-"}, name, client.ImageImportOptions{Changes: changes})
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, r)
	return errors.Join(err, r.Close())
}

// Busybox is the files of an image with this machine's static busybox.
func Busybox() ([]File, error) {
	b, err := os.ReadFile("/bin/busybox")
	if err != nil {
		return nil, fmt.Errorf("this needs Debian's busybox-static: %w", err)
	}
	out := []File{{Path: "bin/busybox", Content: b}}
	for _, tool := range []string{"sh", "echo", "cat", "ls", "tee", "mkdir", "touch", "mkfifo", "ln", "chmod", "sleep", "true", "id", "env", "pwd", "httpd", "ps", "test"} {
		out = append(out, File{Path: "bin/" + tool, Target: "busybox"})
	}
	return out, nil
}

// Program is the files of an image with a program of this machine, and the shared
// libraries that it is linked with.
func Program(path string) ([]File, error) {
	out, err := exec.Command("ldd", path).Output()
	if err != nil {
		return nil, fmt.Errorf("ldd %s: %w", path, err)
	}
	var files []File
	for _, word := range append(strings.Fields(string(out)), path) {
		if !filepath.IsAbs(word) {
			continue
		}
		b, err := os.ReadFile(word)
		if err != nil {
			return nil, err
		}
		files = append(files, File{Path: strings.TrimPrefix(word, "/"), Content: b})
	}
	return files, nil
}

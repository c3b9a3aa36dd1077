package container

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

const (
	maxTemplates = 100
	maxFile      = 1 << 20   // of the files that are read whole
	maxFolder    = 256 << 20 // bytes of a template's folder
	dockerfile   = "Dockerfile"
	placeholder  = "{{.}}"
	defaultBase  = "debian:12"
)

// template is a folder of the owner's, read.
type template struct {
	api.Template
	root       string
	dockerfile string
}

// Templates lists the owner's templates, those that cannot be used included.
func (k *Keeper) templates() ([]api.Template, error) {
	list, err := os.ReadDir(k.cfg.Templates)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []api.Template
	for _, e := range list[:min(len(list), maxTemplates)] {
		if !e.IsDir() || !goodName(e.Name()) {
			continue
		}
		t, err := readTemplate(k.cfg.Templates, e.Name())
		if err != nil {
			t.Problem = err.Error()
		}
		all = append(all, t.Template)
	}
	return all, nil
}

// readTemplate reads a template by name.
func readTemplate(dir, name string) (t template, err error) {
	t.Name, t.Ports = name, []api.TemplatePort{}
	if !goodName(name) {
		return t, api.Errorf(api.KindInvalid, "%.80q is no name of a template", name)
	}
	t.root = filepath.Join(dir, name)
	root, err := os.OpenRoot(t.root)
	if errors.Is(err, fs.ErrNotExist) {
		return t, api.Errorf(api.KindNotFound, "this node has no template %q", name).WithHint("p2prc template ls PEER shows them")
	}
	if err != nil {
		return t, api.Errorf(api.KindInternal, "template %s cannot be read", name)
	}
	defer root.Close()
	if text, err := readFile(root, "description.txt"); err == nil {
		t.Description = strings.TrimSpace(string(text))
	}
	text, err := readFile(root, dockerfile)
	if err != nil {
		return t, api.Errorf(api.KindInvalid, "template %s has no readable Dockerfile", name)
	}
	t.dockerfile, t.Base = string(text), strings.Contains(string(text), placeholder)
	t.Ports, err = readPorts(root, name)
	return t, err
}

// readPorts reads ports.json, which may be missing: then nothing is published.
func readPorts(root *os.Root, name string) ([]api.TemplatePort, error) {
	text, err := readFile(root, "ports.json")
	if errors.Is(err, fs.ErrNotExist) {
		return []api.TemplatePort{}, nil
	}
	wrong := func(format string, args ...any) ([]api.TemplatePort, error) {
		e := api.Errorf(api.KindInvalid, "template %s: ports.json "+format, append([]any{name}, args...)...)
		return []api.TemplatePort{}, e.WithHint(`it is {"Port": [{"PortName": "web", "InternalPort": 8080, "Type": "tcp"}]}`)
	}
	if err != nil {
		return wrong("cannot be read")
	}
	var file struct{ Port []api.TemplatePort }
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&file); err != nil {
		return wrong("is not as it must be: %v", err)
	}
	if len(file.Port) > maxPorts {
		return wrong("has more than %d ports", maxPorts)
	}
	for i, p := range file.Port {
		switch {
		case p.InternalPort < 1 || p.InternalPort > 65535:
			return wrong("row %d: %d is no port", i+1, p.InternalPort)
		case p.Type != "" && !strings.EqualFold(p.Type, "tcp"):
			return wrong("row %d: type %q cannot be published, only tcp", i+1, p.Type)
		case slices.ContainsFunc(file.Port[:i], func(q api.TemplatePort) bool { return q.InternalPort == p.InternalPort }):
			return wrong("row %d: port %d stands twice", i+1, p.InternalPort)
		}
	}
	return file.Port, nil
}

func readFile(root *os.Root, name string) ([]byte, error) {
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile))
}

// fill puts the base image into a Dockerfile.
func fill(text, base string) (string, error) {
	if !strings.Contains(text, placeholder) {
		if base != "" {
			return "", api.Errorf(api.KindInvalid, "the Dockerfile takes no base image: it has no %s", placeholder)
		}
		return text, nil
	}
	if base == "" {
		base = defaultBase
	}
	if strings.ContainsFunc(base, func(r rune) bool { return r <= ' ' || r == 0x7f }) || strings.HasPrefix(base, "-") {
		return "", api.Errorf(api.KindInvalid, "%.80q is no name of an image", base)
	}
	return strings.ReplaceAll(text, placeholder, base), nil
}

// dockerfileOf is a Dockerfile with its images on the engine, named by content.
func (k *Keeper) dockerfileOf(ctx context.Context, text string, spec api.ContainerSpec, images *needed) (string, error) {
	text, err := fill(text, spec.Base)
	if err != nil {
		return "", err
	}
	return pin(text, func(name string) (api.ImageID, error) {
		var id api.ImageID
		if name == spec.Base {
			id = spec.BaseID
		}
		id, err := images.bring(ctx, name, id)
		if err == nil {
			err = k.cfg.Engine.Quiet(ctx, id)
		}
		return id, err
	})
}

// buildTemplate builds the template's image.
func (k *Keeper) buildTemplate(ctx context.Context, b *box, t template, images *needed, say teller) (string, error) {
	text, err := k.dockerfileOf(ctx, t.dockerfile, b.rec.Spec, images)
	if err != nil {
		return "", err
	}
	say(api.ContainerEvent{Text: "building template " + t.Name})
	return k.build(ctx, b, say, func(w *tar.Writer) error {
		if err := add(w, dockerfile, 0o644, int64(len(text)), strings.NewReader(text)); err != nil {
			return err
		}
		root, err := os.OpenRoot(t.root)
		if err != nil {
			return err
		}
		defer root.Close()
		left := int64(maxFolder)
		return fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || name == dockerfile || !d.Type().IsRegular() {
				return err
			}
			f, err := root.Open(name)
			if err != nil {
				return err
			}
			defer f.Close()
			info, err := f.Stat()
			if err != nil {
				return err
			}
			if left -= info.Size(); left < 0 {
				return api.Errorf(api.KindTooLarge, "template %s is larger than %d MiB", t.Name, maxFolder>>20)
			}
			return add(w, name, int64(info.Mode().Perm()), info.Size(), f)
		})
	})
}

// buildTree builds an image of a folder that its borrower sent.
func (k *Keeper) buildTree(ctx context.Context, b *box, images *needed, say teller) (string, error) {
	spec := b.rec.Spec
	say(api.ContainerEvent{Text: "fetching the folder"})
	tree, err := k.cfg.Fetch.FetchTree(ctx, spec.Build, b.rec.Borrower)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(tree.Files, func(f api.TreeFile) bool { return f.Path == dockerfile })
	if i < 0 {
		return "", api.Errorf(api.KindInvalid, "the folder has no Dockerfile")
	}
	if tree.Files[i].Size > maxFile {
		return "", api.Errorf(api.KindTooLarge, "the Dockerfile is larger than %d bytes", maxFile)
	}
	path, err := k.cfg.Blobs.Path(tree.Files[i].Blob)
	if err != nil {
		return "", err
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	text, err := k.dockerfileOf(ctx, string(raw), spec, images)
	if err != nil {
		return "", err
	}
	say(api.ContainerEvent{Text: "building"})
	return k.build(ctx, b, say, func(w *tar.Writer) error {
		for n, f := range tree.Files {
			if n == i {
				err = add(w, dockerfile, 0o644, int64(len(text)), strings.NewReader(text))
			} else {
				err = k.addBlob(w, f)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func (k *Keeper) addBlob(w *tar.Writer, f api.TreeFile) error {
	path, err := k.cfg.Blobs.Path(f.Blob)
	if err != nil {
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	return add(w, f.Path, int64(f.Mode&0o777), f.Size, file)
}

func add(w *tar.Writer, name string, mode, size int64, r io.Reader) error {
	if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: mode, Size: size, Format: tar.FormatPAX}); err != nil {
		return err
	}
	_, err := io.CopyN(w, r, size)
	return err
}

// build streams a folder to the engine's builder.
func (k *Keeper) build(ctx context.Context, b *box, say teller, folder func(*tar.Writer) error) (string, error) {
	r, w := io.Pipe()
	packed := make(chan error, 1)
	go func() {
		tw := tar.NewWriter(w)
		err := folder(tw)
		if err == nil {
			err = tw.Close()
		}
		w.CloseWithError(err)
		packed <- err
	}()
	defer k.cfg.Room.Building(b.rec.Borrower, api.SandboxID(b.rec.ID), b.rec.Cap)()
	image, err := k.cfg.Engine.Build(ctx, r, b.rec.Cap, func(line string) { say(api.ContainerEvent{Build: line}) })
	_ = r.Close() // so that the writer ends although nobody reads
	if perr := <-packed; perr != nil && !errors.Is(perr, io.ErrClosedPipe) {
		return "", perr // what is wrong with the folder explains the broken build
	}
	return image, err
}

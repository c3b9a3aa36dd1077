package image

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"path"
	"strings"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

const (
	maxEntries = 4096     // of an archive: three for each layer, and a few
	maxDocs    = 32 << 20 // bytes of JSON that is kept in memory
	maxHops    = 4        // links from a name to its file
)

// Folder takes the files of an image; a blob.TreeWriter is one.
type Folder interface {
	Add(ctx context.Context, r io.Reader, size int64) (api.BlobID, error)
	Finish(ctx context.Context, t api.Tree) (api.TreeInfo, error)
}

// Pack reads the archive of one image, as docker save and podman save write it,
// into a folder of at most most bytes, and checks every hash. It never writes a
// file by a name of the archive.
//
// KindInvalid: it is no such archive, is cut off, holds several images, or
// contradicts itself; KindUnsupported: its layers are compressed by other means
// than gzip; KindQuota: it is too large.
func Pack(ctx context.Context, r io.Reader, into Folder, most int64) (api.KeptImage, error) {
	a := archive{into: into, most: most, files: map[string]file{}, links: map[string]string{}, buf: make([]byte, ChunkSize)}
	if err := a.read(ctx, r); err != nil {
		return api.KeptImage{}, err
	}
	return a.finish(ctx)
}

// archive is what was read of one.
type archive struct {
	into  Folder
	most  int64
	bytes int64 // of files, uncompressed
	docs  int64 // bytes of files kept in memory
	files map[string]file
	links map[string]string
	buf   []byte // a piece
}

// file is a file of an archive.
type file struct {
	sum    api.ImageID
	chunks []api.TreeFile // without paths
	doc    []byte         // its bytes, if they may be JSON
}

func noArchive(format string, args ...any) *api.Error {
	return api.Errorf(api.KindInvalid, "that is no image's archive: "+format, args...).WithHint("make one with: docker save IMAGE -o FILE")
}

func (a *archive) read(ctx context.Context, r io.Reader) error {
	tr := tar.NewReader(r)
	for n := 0; ; n++ {
		h, err := tr.Next()
		switch {
		case errors.Is(err, io.EOF) && n == 0:
			return noArchive("it is empty")
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return brokenArchive(ctx, err)
		case n == maxEntries:
			return noArchive("it has more than %d entries", maxEntries)
		}
		name, ok := cleanName(h.Name)
		if !ok {
			return noArchive("the name %.80q leaves it", h.Name)
		}
		switch h.Typeflag {
		case tar.TypeDir, tar.TypeXGlobalHeader:
		case tar.TypeSymlink, tar.TypeLink:
			target := h.Linkname
			if h.Typeflag == tar.TypeSymlink {
				target = path.Join(path.Dir(name), target)
			}
			if target, ok = cleanName(target); !ok || path.IsAbs(h.Linkname) {
				return noArchive("the link %.80q leaves it", h.Name)
			}
			a.links[name] = target
		case tar.TypeReg:
			if _, twice := a.files[name]; twice {
				return noArchive("%.80q is in it twice", name)
			}
			f, err := a.file(ctx, tr)
			if err != nil {
				return brokenArchive(ctx, err)
			}
			a.files[name] = f
		default:
			return noArchive("%.80q is neither a file, a folder nor a link", h.Name)
		}
	}
}

// cleanName is a name below the archive's root.
func cleanName(name string) (string, bool) {
	name = path.Clean(strings.TrimSuffix(name, "/"))
	ok := !path.IsAbs(name) && name != ".." && !strings.HasPrefix(name, "../") && !strings.ContainsAny(name, "\\\x00") && len(name) <= 1024
	return name, ok
}

// brokenArchive tells a broken archive from the troubles of who reads or stores it.
func brokenArchive(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, tar.ErrHeader) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, tar.ErrFieldTooLong) ||
		errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) {
		return noArchive("it is damaged or cut off: %w", err)
	}
	return err
}

// file stores a file in pieces, unpacked if it is compressed.
func (a *archive) file(ctx context.Context, r io.Reader) (file, error) {
	var f file
	in := bufio.NewReader(r)
	head, err := in.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return f, err
	}
	var from io.Reader = in
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		if from, err = gzip.NewReader(in); err != nil {
			return f, err
		}
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return f, api.Errorf(api.KindUnsupported, "the image's layers are compressed with zstd").WithHint("docker load it, then docker save it again")
	}
	sum := sha256.New()
	for ended := false; !ended; {
		n, err := fill(from, a.buf)
		if ended = errors.Is(err, io.EOF); err != nil && !ended {
			return f, err
		}
		if n == 0 {
			break
		}
		piece := a.buf[:n]
		if a.bytes += int64(n); a.bytes > a.most {
			return f, tooLarge(a.bytes, a.most)
		}
		sum.Write(piece) // a hash does not fail
		if len(f.chunks) == 0 && ended && (piece[0] == '{' || piece[0] == '[') && a.docs+int64(n) <= maxDocs {
			a.docs += int64(n)
			f.doc = bytes.Clone(piece)
		}
		id, err := a.into.Add(ctx, bytes.NewReader(piece), int64(n))
		if err != nil {
			return f, err
		}
		f.chunks = append(f.chunks, api.TreeFile{Blob: id, Size: int64(n), Mode: 0o644})
	}
	f.sum = digest([sha256.Size]byte(sum.Sum(nil)))
	return f, nil
}

// fill reads until b is full; io.EOF means that r ended, maybe before.
func fill(r io.Reader, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var m int
		m, err = r.Read(b[n:])
		n += m
	}
	return n, err
}

// find is the file of a name, through links.
func (a *archive) find(name string) (file, bool) {
	name, ok := cleanName(name)
	for range maxHops {
		if target, linked := a.links[name]; linked {
			name = target
		}
	}
	f, known := a.files[name]
	return f, ok && known
}

// finish makes the folder of what was read.
func (a *archive) finish(ctx context.Context) (api.KeptImage, error) {
	var img api.KeptImage
	var list []struct {
		Config string
		Layers []string
	}
	f, ok := a.find("manifest.json")
	if !ok {
		return img, noArchive("it has no manifest.json")
	}
	if err := json.Unmarshal(f.doc, &list); err != nil {
		return img, noArchive("its manifest.json cannot be read")
	}
	if len(list) != 1 {
		return img, noArchive("it holds %d images", len(list)).WithHint("docker save one image")
	}
	conf, ok := a.find(list[0].Config)
	if !ok || conf.doc == nil {
		return img, noArchive("the configuration %.80q is not in it", list[0].Config)
	}
	img.ID = conf.sum
	c, err := readConfig(conf.doc, conf.sum, len(list[0].Layers))
	if err != nil {
		return img, err
	}
	if len(list[0].Layers) > maxLayers {
		return img, noArchive("it has more than %d layers", maxLayers)
	}
	t := api.Tree{Files: []api.TreeFile{{Path: configName, Blob: conf.chunks[0].Blob, Size: conf.chunks[0].Size, Mode: 0o644}}}
	for i, name := range list[0].Layers {
		layer, ok := a.find(name)
		switch {
		case !ok || len(layer.chunks) == 0:
			return img, noArchive("layer %.80q is not in it, or empty", name)
		case layer.sum != c.RootFS.DiffIDs[i]:
			return img, api.Errorf(api.KindCorrupt, "layer %d of the image is damaged: it is %s, and should be %s", i+1, layer.sum.Short(), c.RootFS.DiffIDs[i].Short()).WithHint("make the archive again: docker save IMAGE -o FILE")
		}
		for n, piece := range layer.chunks {
			piece.Path = chunkName(i, n)
			t.Files = append(t.Files, piece)
		}
	}
	info, err := a.into.Finish(ctx, t)
	img.Tree, img.Bytes = info.ID, info.Bytes
	return img, err
}

package blob

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

const (
	// MaxTreeFiles bounds the files, and the folders, of one tree.
	MaxTreeFiles = 100_000
	// MaxManifest bounds a manifest's JSON, in bytes.
	MaxManifest = 64 << 20

	maxPath  = 4096
	maxName  = 255
	maxDepth = 100 // folders in a path

	// Small files are recorded, and large ones placed, when there are this many
	// or they have so many bytes together: enough to share the price of a flush,
	// few enough for memory and for other writers of the index.
	batchSmall = 1000
	batchBytes = 4 << 20
	batchLarge = 1000
)

// checkPath accepts clean relative slash-separated paths that mean the same on
// every system.
func checkPath(p string) error {
	bad := func(why string) error {
		return api.Errorf(api.KindInvalid, "path %q in the folder %s", clip(p), why)
	}
	switch {
	case p == "" || p == ".":
		return bad("is empty")
	case len(p) > maxPath:
		return bad("is longer than 4096 bytes")
	case strings.HasPrefix(p, "/"):
		return bad("is absolute")
	case !utf8.ValidString(p):
		return bad("is not UTF-8")
	case strings.ContainsAny(p, "\x00\\"):
		return bad("has a NUL or a backslash")
	case strings.Count(p, "/") > maxDepth:
		return bad("is more than 100 folders deep")
	}
	for name := range strings.SplitSeq(p, "/") {
		switch {
		case name == "..":
			return bad("leaves the folder")
		case name == "" || name == ".":
			return bad("is not clean")
		case len(name) > maxName:
			return bad("has a name longer than 255 bytes")
		}
	}
	return nil
}

func clip(s string) string {
	if len(s) > 200 {
		return s[:200] + "..."
	}
	return s
}

// CheckTree accepts a manifest whose paths are clean, sorted, unique, and in no
// folder that is also a file. KindInvalid names the first that is not.
func CheckTree(t api.Tree) error {
	if len(t.Files) > MaxTreeFiles {
		return api.Errorf(api.KindTooLarge, "a folder of %d files, limit %d", len(t.Files), MaxTreeFiles)
	}
	files := make(map[string]bool, len(t.Files))
	last := ""
	for _, f := range t.Files {
		if err := checkPath(f.Path); err != nil {
			return err
		}
		if f.Path <= last {
			return api.Errorf(api.KindInvalid, "path %q in the folder is out of order or there twice", clip(f.Path))
		}
		if f.Size < 0 || f.Mode&^0o777 != 0 || f.Blob.IsZero() {
			return api.Errorf(api.KindInvalid, "path %q in the folder has no blob, a negative size or a mode beyond 0777", clip(f.Path))
		}
		last = f.Path
		files[f.Path] = true
	}
	folders := map[string]bool{}
	for _, f := range t.Files {
		for dir := path.Dir(f.Path); dir != "." && !folders[dir]; dir = path.Dir(dir) {
			if files[dir] {
				return api.Errorf(api.KindInvalid, "path %q in the folder is a file and a folder", clip(dir))
			}
			folders[dir] = true
		}
	}
	return nil
}

// Tree reads and checks a folder's manifest. KindNotFound when it is not here,
// KindInvalid when the blob is no manifest.
func (s *Store) Tree(ctx context.Context, id api.BlobID) (api.Tree, error) {
	var t api.Tree
	size, err := s.Size(id)
	if err != nil {
		return t, err
	}
	if size > MaxManifest {
		return t, api.Errorf(api.KindTooLarge, "blob %s is too large for a folder's manifest", id)
	}
	r, err := s.Reader(id)
	if err != nil {
		return t, err
	}
	b, err := io.ReadAll(readerUntil{ctx, r})
	if err = errors.Join(err, r.Close()); err != nil {
		return t, err
	}
	return decodeTree(b)
}

func decodeTree(b []byte) (api.Tree, error) {
	var t api.Tree
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields() // so that no other JSON passes for an empty folder
	if err := dec.Decode(&t); err != nil || dec.More() || t.Files == nil {
		return api.Tree{}, api.Errorf(api.KindInvalid, "the blob is no folder's manifest")
	}
	return t, CheckTree(t)
}

func treeBlobs(t api.Tree) []api.BlobID {
	ids := make([]api.BlobID, 0, len(t.Files))
	for _, f := range t.Files {
		ids = append(ids, f.Blob)
	}
	return ids
}

// PutTree stores a folder that comes as a tar: its files as blobs and a
// manifest of them, whose id it returns. Folders without files are not kept.
//
// Only regular files and folders with clean relative paths are taken (a leading
// "./" is fine); the first other entry is refused by name (KindInvalid), as are
// more than MaxTreeFiles (KindTooLarge). The files that came before an error
// stay unpinned blobs, which age out.
func (s *Store) PutTree(ctx context.Context, r io.Reader) (info api.TreeInfo, err error) {
	b := s.NewTree()
	defer func() { err = errors.Join(err, b.Discard()) }()
	t := api.Tree{Files: []api.TreeFile{}}
	tr := tar.NewReader(readerUntil{ctx, r})
	for folders := 0; ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return info, tarError(ctx, err)
		}
		name := strings.TrimPrefix(h.Name, "./")
		switch h.Typeflag {
		case tar.TypeXGlobalHeader:
			continue
		case tar.TypeDir:
			if name = strings.TrimSuffix(name, "/"); name != "" && name != "." {
				err = checkPath(name)
			}
			if folders++; folders > MaxTreeFiles {
				err = api.Errorf(api.KindTooLarge, "more than %d folders", MaxTreeFiles)
			}
			if err != nil {
				return info, err
			}
			continue
		case tar.TypeReg:
		default:
			return info, api.Errorf(api.KindInvalid, "path %q in the folder is %s", clip(h.Name), describe(h)).
				WithHint("only regular files and folders can be sent; replace it by a copy or leave it out")
		}
		if err := checkPath(name); err != nil {
			return info, err
		}
		if len(t.Files) == MaxTreeFiles {
			return info, api.Errorf(api.KindTooLarge, "more than %d files in one folder", MaxTreeFiles).
				WithHint("pack them into an archive, or send several folders")
		}
		id, err := b.Add(ctx, tr, h.Size)
		if err != nil {
			return info, tarError(ctx, err)
		}
		t.Files = append(t.Files, api.TreeFile{Path: name, Blob: id, Size: h.Size, Mode: uint32(h.Mode) & 0o777})
	}
	return b.Finish(ctx, t)
}

// markTree notes that a blob is a manifest, and holds its files for all who
// hold it.
func (s *Store) markTree(ctx context.Context, id api.BlobID, t api.Tree) error {
	s.gate.RLock()
	defer s.gate.RUnlock()
	e, known, err := s.idx.Get(ctx, id)
	if err != nil {
		return err
	}
	if !known {
		return notFound(id)
	}
	e.Tree = true
	if err := s.record(ctx, []api.BlobEntry{e}); err != nil {
		return err
	}
	for some := range slices.Chunk(treeBlobs(t), pinBatch) {
		if err := s.idx.PinLike(ctx, id, some); err != nil {
			return err
		}
	}
	return nil
}

// tarError tells a broken archive from our own troubles.
func tarError(ctx context.Context, err error) error {
	if api.KindOf(err) != api.KindInternal || ctx.Err() != nil {
		return err
	}
	if errors.Is(err, tar.ErrHeader) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, tar.ErrFieldTooLong) {
		return api.Errorf(api.KindInvalid, "the upload is no whole tar archive: %w", err)
	}
	return err
}

func describe(h *tar.Header) string {
	switch h.Typeflag {
	case tar.TypeSymlink:
		return "a symbolic link to " + clip(h.Linkname)
	case tar.TypeLink:
		return "a hard link to " + clip(h.Linkname)
	case tar.TypeChar, tar.TypeBlock:
		return "a device"
	case tar.TypeFifo:
		return "a named pipe"
	}
	return "no regular file"
}

// TreeWriter makes a folder of files that come one by one; many of them share
// the price of becoming durable.
type TreeWriter struct {
	s     *Store
	small []api.BlobEntry
	large []*pending
	bytes int64 // of small ones
}

// NewTree begins a folder. Discard ends it, unless Finish has.
func (s *Store) NewTree() *TreeWriter { return &TreeWriter{s: s} }

// Add stores the next size bytes of r as a blob, for a later Finish to name. It
// is unpinned and ages out otherwise.
func (b *TreeWriter) Add(ctx context.Context, r io.Reader, size int64) (api.BlobID, error) {
	var id api.BlobID
	if size <= InlineMax {
		data := make([]byte, size)
		if _, err := io.ReadFull(r, data); err != nil {
			return id, err
		}
		e := inlineEntry(data, FreshFor)
		id = e.ID
		b.small = append(b.small, e)
		b.bytes += size
	} else {
		p, err := b.s.spool(ctx, r)
		if err != nil {
			return id, err
		}
		id = p.id
		b.large = append(b.large, p)
		if err := p.close(); err != nil {
			return id, diskError("write a blob", err)
		}
	}
	if len(b.small) >= batchSmall || b.bytes >= batchBytes || len(b.large) >= batchLarge {
		return id, b.flush(ctx)
	}
	return id, nil
}

// Finish stores the manifest t of what was added, in any order, and holds its
// files for all who hold it. KindInvalid when t is none.
func (b *TreeWriter) Finish(ctx context.Context, t api.Tree) (info api.TreeInfo, err error) {
	slices.SortFunc(t.Files, func(a, b api.TreeFile) int { return strings.Compare(a.Path, b.Path) })
	if err := CheckTree(t); err != nil {
		return info, err
	}
	if err := b.flush(ctx); err != nil {
		return info, err
	}
	manifest, err := json.Marshal(t)
	if err != nil {
		return info, err
	}
	if len(manifest) > MaxManifest {
		return info, api.Errorf(api.KindTooLarge, "the folder's list of paths has %d bytes, limit %d", len(manifest), MaxManifest)
	}
	put, err := b.s.Put(ctx, bytes.NewReader(manifest))
	if err != nil {
		return info, err
	}
	info.ID, info.Files = put.ID, len(t.Files)
	for _, f := range t.Files {
		info.Bytes += f.Size
	}
	return info, b.s.markTree(ctx, put.ID, t)
}

func (b *TreeWriter) flush(ctx context.Context) error {
	small, large := b.small, b.large
	b.small, b.large, b.bytes = nil, nil, 0
	var err error
	if len(large) > 0 {
		err = b.s.place(ctx, FreshFor, large...)
	}
	return errors.Join(err, b.s.putInline(ctx, small))
}

// Discard gives up what was added and is not stored yet.
func (b *TreeWriter) Discard() error {
	var err error
	for _, p := range b.large {
		err = errors.Join(err, p.discard())
	}
	b.large = nil
	return err
}

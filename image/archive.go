package image

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// Archive writes the image as an archive for an engine to load, under the one
// name tag. Every layer's hash is checked on the way; manifest.json, without which
// an engine loads nothing, comes last, and only when all were right.
//
// KindInvalid and KindCorrupt are about what is in the folder.
func (p *parcel) Archive(ctx context.Context, w io.Writer, blobs Reader, tag string) error {
	tw := tar.NewWriter(w)
	put := func(name string, size int64) error {
		return tw.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: size, Format: tar.FormatPAX})
	}
	type entry struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	manifest := entry{Config: configName, RepoTags: []string{tag}}
	if err := put(configName, int64(len(p.raw))); err != nil {
		return err
	}
	if _, err := tw.Write(p.raw); err != nil {
		return err
	}
	for i, pieces := range p.layers {
		name := fmt.Sprintf("%03d.tar", i)
		manifest.Layers = append(manifest.Layers, name)
		var size int64
		for _, f := range pieces {
			size += f.Size
		}
		if err := put(name, size); err != nil {
			return err
		}
		sum := sha256.New()
		for _, f := range pieces {
			if err := copyBlob(ctx, io.MultiWriter(tw, sum), blobs, f.Blob); err != nil {
				return err
			}
		}
		if got := digest([sha256.Size]byte(sum.Sum(nil))); got != p.config.RootFS.DiffIDs[i] {
			return api.Errorf(api.KindCorrupt, "layer %d of the image is %s, and should be %s", i+1, got.Short(), p.config.RootFS.DiffIDs[i].Short())
		}
	}
	b, err := json.Marshal([]entry{manifest})
	if err != nil {
		return err
	}
	if err := put("manifest.json", int64(len(b))); err != nil {
		return err
	}
	if _, err := tw.Write(b); err != nil {
		return err
	}
	return tw.Close()
}

// Reader reads blobs; a blob.Store is one.
type Reader interface {
	Reader(id api.BlobID) (io.ReadSeekCloser, error)
}

// parcel is an image whose folder is here and was found good, but for its layers.
type parcel struct {
	layout
	raw    []byte // of the configuration
	config config
}

// open reads an image's folder.
func open(ctx context.Context, id api.ImageID, l layout, blobs Reader) (*parcel, error) {
	var raw bytes.Buffer
	if err := copyBlob(ctx, &raw, blobs, l.config.Blob); err != nil {
		return nil, err
	}
	c, err := readConfig(raw.Bytes(), id, len(l.layers))
	return &parcel{layout: l, raw: raw.Bytes(), config: c}, err
}

func copyBlob(ctx context.Context, w io.Writer, blobs Reader, id api.BlobID) error {
	r, err := blobs.Reader(id)
	if err != nil {
		return err
	}
	_, err = io.CopyN(w, r, ChunkSize+1)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return errors.Join(err, ctx.Err(), r.Close())
}

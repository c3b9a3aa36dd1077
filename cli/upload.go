package cli

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/jobfile"
)

// inlineStdin is the longest stdin that travels inside the job, in bytes.
const inlineStdin = 64 << 10

// prepare looks at everything local that a job names, uploads it, and returns
// the job as the node takes it. Nothing is uploaded before all was found good.
func prepare(ctx context.Context, client *api.Client, out *output, job *jobfile.Job) (api.JobSpec, error) {
	spec := job.Spec
	var module string
	if job.Module != "" {
		module = job.Abs(job.Module)
		if err := checkModule(module); err != nil {
			return spec, err
		}
	}
	snaps := make([]*jobfile.Snapshot, len(job.Inputs))
	for i, in := range job.Inputs {
		in.Path = job.Abs(in.Path)
		snap, err := jobfile.Walk(ctx, in)
		if err != nil {
			return spec, err
		}
		snaps[i] = snap
	}
	if _, err := client.Status(ctx); err != nil { // before a long upload is tried
		return spec, err
	}
	for _, peer := range job.On {
		p, err := client.Peer(ctx, peer)
		if err != nil {
			return spec, err
		}
		spec.On = append(spec.On, p.ID)
	}
	if module != "" {
		info, err := putFile(ctx, client, module)
		if err != nil {
			return spec, err
		}
		spec.Module = info.ID
	}
	if job.StdinFile != "" {
		info, err := putFile(ctx, client, job.Abs(job.StdinFile))
		if err != nil {
			return spec, err
		}
		spec.StdinBlob = info.ID
	}
	for _, snap := range snaps {
		in, err := putInput(ctx, client, out, snap)
		if err != nil {
			return spec, err
		}
		spec.Inputs = append(spec.Inputs, in)
	}
	return spec, nil
}

// checkModule tells a wasm module from what is none.
func checkModule(path string) error {
	f, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return api.Errorf(api.KindNotFound, "there is no module %s", path)
	case err != nil:
		return api.Errorf(api.KindInternal, "%w", err)
	}
	defer f.Close()
	var head [8]byte
	_, err = io.ReadFull(f, head[:])
	switch {
	case err != nil || string(head[:4]) != "\x00asm":
		return api.Errorf(api.KindInvalid, "%s is not a wasm module", path).WithHint("build one with: GOOS=wasip1 GOARCH=wasm go build -o program.wasm")
	case string(head[4:]) == "\x0d\x00\x01\x00":
		return api.Errorf(api.KindUnsupported, "%s is a wasm component, not a module", path).WithHint("build it for wasi preview 1")
	case string(head[4:]) != "\x01\x00\x00\x00":
		return api.Errorf(api.KindUnsupported, "%s is of a version of wasm that is not known here", path)
	}
	return nil
}

func putFile(ctx context.Context, client *api.Client, path string) (api.BlobInfo, error) {
	snap, err := jobfile.Walk(ctx, jobfile.LocalInput{Path: path})
	if err != nil {
		return api.BlobInfo{}, err
	}
	if snap.IsDir {
		return api.BlobInfo{}, api.Errorf(api.KindInvalid, "%s is a folder", path)
	}
	f, err := snap.Open()
	if err != nil {
		return api.BlobInfo{}, err
	}
	defer f.Close()
	return client.PutBlob(ctx, f)
}

// putInput uploads a file or, as one tar stream, a folder.
func putInput(ctx context.Context, client *api.Client, out *output, snap *jobfile.Snapshot) (api.Input, error) {
	in := api.Input{Path: snap.Dest, Mode: snap.Mode}
	if !snap.IsDir {
		info, err := putFile(ctx, client, snap.Path)
		in.Blob, in.Size = info.ID, info.Size
		return in, err
	}
	in.Mode = 0
	var files, bytes atomic.Int64
	stop := out.every(func(last bool) string {
		if last && snap.Files < 1000 {
			return "" // too quick to be worth a line
		}
		return "upload " + filepath.Base(snap.Path) + ": " + plural(files.Load(), "file") + " of " + plural(int64(snap.Files), "file") + ", " + bytesOf(bytes.Load())
	})
	defer stop()
	r, w := io.Pipe()
	written := make(chan error, 1)
	go func() {
		err := snap.WriteTar(ctx, w, func(n int, b int64) { files.Add(int64(n)); bytes.Add(b) })
		w.CloseWithError(err)
		written <- err
	}()
	info, err := client.PutTree(ctx, r)
	r.CloseWithError(io.ErrClosedPipe) // so that the writer ends although nobody reads
	if werr := <-written; werr != nil && !errors.Is(werr, io.ErrClosedPipe) {
		return in, werr // what is wrong with the folder explains the broken upload
	}
	in.Tree, in.Size = info.ID, info.Bytes
	return in, err
}

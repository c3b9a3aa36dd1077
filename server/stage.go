package server

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"sort"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

const (
	maxStagers = 4 // of one lease at once
	maxFetches = 8 // of one task at once
)

// ownInputs tells whether a task needs blobs that its lease does not share.
func ownInputs(t lease.Task) bool { return len(t.Inputs) > 0 || !t.StdinBlob.IsZero() }

// fault is what is wrong with a task by its own definition; it fails the task.
type fault struct{ msg string }

func (f fault) Error() string { return f.msg }

// stageLocked sees to it that l's waiting tasks get their inputs. What a lease
// shares is brought here once, before anything else of it.
func (s *Server) stageLocked(l *loan) {
	if l.ended || s.down {
		return
	}
	most := maxStagers
	if !l.common.done {
		most = 1
	}
	for l.stagers < most && l.stagers < len(l.unstaged) {
		l.stagers++
		s.work.Add(1)
		l.work.Add(1)
		go s.stage(l)
	}
}

// stage works off l's waiting tasks.
func (s *Server) stage(l *loan) {
	defer s.work.Done()
	defer l.work.Done()
	s.mu.Lock()
	defer s.unlock()
	defer func() { l.stagers-- }()
	if !l.common.done {
		open, who := l.open, l.who
		s.unlock()
		c, err := s.stageCommon(l.ctx, l, who, open)
		s.mu.Lock()
		if err != nil {
			c.release()
			l.unstaged = nil
			s.setBackLocked(l, fmt.Sprintf("inputs could not be brought here: %v", err))
			return
		}
		if !s.holdsLocked(l.peer, c.stored) {
			c.release()
			l.unstaged = nil
			s.journal.put(func(p *pending) { p.unpin = append(p.unpin, inputOwner(l.id)) })
			s.setBackLocked(l, fmt.Sprintf("%d bytes of inputs, beside %d that are held for this borrower and %d for all: at most %d and %d may be",
				c.stored, l.peer.stored, s.stored, s.cfg.BlobShare, s.cfg.BlobsLent))
			return
		}
		l.common = c
		s.storeLocked(l.peer, c.stored)
		s.stageLocked(l)
	}
	for len(l.unstaged) > 0 && !l.ended && !s.down {
		at := l.unstaged[0]
		l.unstaged[0] = nil
		l.unstaged = l.unstaged[1:]
		if at.state != attemptStaging {
			continue
		}
		if ownInputs(at.task) {
			s.unlock()
			err := s.bring(l.ctx, l, at.task.Inputs, at.task.StdinBlob)
			s.mu.Lock()
			if at.state != attemptStaging {
				continue // canceled meanwhile
			}
			if err != nil && !errors.As(err, new(fault)) {
				s.giveBackLocked(at, ending{api.CauseLost, lostReason(fmt.Errorf("inputs could not be brought here: %w", err))})
				continue
			} // a fault is found again, and told, when the task is executed
		}
		at.state = attemptReady
		l.ready = append(l.ready, at)
		s.dispatchLocked()
	}
}

// release ends what is held for tasks beside blobs.
func (c common) release() {
	if c.letGo != nil {
		c.letGo()
	}
}

// stageCommon brings the image, the module and the shared inputs here, pinned for as long as
// the lease lives, and lays out the files.
func (s *Server) stageCommon(ctx context.Context, l *loan, who api.Caller, o lease.Open) (common, error) {
	c := common{done: true}
	var err error
	if o.Runtime == api.RuntimeDocker && s.cfg.Images != nil {
		if c.image, c.letGo, err = s.cfg.Images.Bring(ctx, o.Image, o.ImageID, who, func(api.ImageProgress) {}); err != nil {
			return c, err
		}
	}
	err = s.pinInputs(ctx, l, named(o.Common.Inputs, o.Module))
	if err == nil {
		err = s.bring(ctx, l, o.Common.Inputs, o.Module)
	}
	if err == nil {
		c.files, c.bytes, err = s.layout(ctx, o.Common.Inputs)
	}
	if err == nil && !o.Module.IsZero() {
		c.stored, err = s.cfg.Blobs.Size(o.Module)
	}
	c.stored += c.bytes
	if err == nil {
		c.env, err = environment(o.Common.Env, nil)
	}
	if f := (fault{}); errors.As(err, &f) {
		c.fault = f.msg
		return c, nil
	}
	return c, err
}

// pinInputs holds what a lease shares. The journal knows the lease first, so that
// a crash leaves no pin that nobody would remove.
func (s *Server) pinInputs(ctx context.Context, l *loan, ids []api.BlobID) error {
	if len(ids) == 0 {
		return nil
	}
	if !l.recorded.Load() {
		if err := s.cfg.Store.Apply(ctx, lease.Batch{Open: []lease.Record{l.record()}}); err != nil {
			return err
		}
		l.recorded.Store(true)
	}
	return s.cfg.Blobs.Pin(ctx, inputOwner(l.id), ids...)
}

// named is the blobs that inputs name directly, and more.
func named(inputs []api.Input, more ...api.BlobID) []api.BlobID {
	var ids []api.BlobID
	for _, in := range inputs {
		ids = append(ids, in.Blob, in.Tree)
	}
	ids = append(ids, more...)
	return slices.DeleteFunc(ids, api.BlobID.IsZero)
}

// bring fetches what is not here for l: the blobs named, and folders with their
// files. The borrower is charged with the bytes that came.
func (s *Server) bring(ctx context.Context, l *loan, inputs []api.Input, more ...api.BlobID) error {
	if len(inputs) > maxLists {
		return fault{fmt.Sprintf("%d inputs, limit %d", len(inputs), maxLists)}
	}
	var came atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(maxFetches)
	asked := map[api.BlobID]bool{{}: true}
	blob := func(id api.BlobID) {
		if asked[id] || s.cfg.Blobs.Has(id) {
			return
		}
		asked[id] = true
		g.Go(func() error {
			if err := s.cfg.Fetch.Fetch(ctx, id, l.peer.id); err != nil {
				return err
			}
			return s.sizeOf(&came, id)
		})
	}
	for _, in := range inputs {
		blob(in.Blob)
		if !in.Tree.IsZero() {
			g.Go(func() error { return noFolder(in, s.bringFolder(ctx, l, in.Tree, &came)) })
		}
	}
	for _, id := range more {
		blob(id)
	}
	err := g.Wait()
	if n := came.Load(); n > 0 {
		s.journal.charge(l.peer.id, l.open.Job, time.Now(), api.UsageRow{BytesIn: n})
	}
	return err
}

// bringFolder fetches a folder, and adds what of it was not here to came.
func (s *Server) bringFolder(ctx context.Context, l *loan, id api.BlobID, came *atomic.Int64) error {
	lacked := map[api.BlobID]bool{} // a folder may hold one file twice
	lacks := func(id api.BlobID) {
		if !s.cfg.Blobs.Has(id) {
			lacked[id] = true
		}
	}
	lacks(id)
	if err := s.cfg.Fetch.Fetch(ctx, id, l.peer.id); err != nil {
		return err
	}
	tree, err := s.cfg.Blobs.Tree(ctx, id)
	if err != nil {
		return err
	}
	for _, f := range tree.Files {
		lacks(f.Blob)
	}
	if _, err := s.cfg.Fetch.FetchTree(ctx, id, l.peer.id); err != nil {
		return err
	}
	for id := range lacked {
		if err := s.sizeOf(came, id); err != nil {
			return err
		}
	}
	return nil
}

// sizeOf adds the size of a blob that is here to sum.
func (s *Server) sizeOf(sum *atomic.Int64, id api.BlobID) error {
	n, err := s.cfg.Blobs.Size(id)
	sum.Add(n)
	return err
}

// noFolder makes a fault of the error of a folder's manifest that is none.
func noFolder(in api.Input, err error) error {
	if kind := api.KindOf(err); kind == api.KindInvalid || kind == api.KindCorrupt {
		return fault{fmt.Sprintf("input %q is no folder: %v", clip(in.Path), err)}
	}
	return err
}

// layout is inputs as files of this machine, folders expanded.
func (s *Server) layout(ctx context.Context, inputs []api.Input) ([]runtime.File, int64, error) {
	var files []runtime.File
	var bytes int64
	add := func(dest string, id api.BlobID, mode uint32) error {
		if !local(dest) {
			return fault{fmt.Sprintf("input path %q leaves the task's directory", dest)}
		}
		source, err := s.cfg.Blobs.Path(id)
		if err != nil {
			return err
		}
		size, err := s.cfg.Blobs.Size(id)
		if err != nil {
			return err
		}
		if mode &= 0o777; mode == 0 {
			mode = 0o644
		}
		bytes += size
		files = append(files, runtime.File{Path: path.Clean(dest), Source: source, Size: size, Mode: mode})
		return nil
	}
	for _, in := range inputs {
		if in.Tree.IsZero() == in.Blob.IsZero() {
			return nil, 0, fault{fmt.Sprintf("input %q names neither or both of blob and tree", in.Path)}
		}
		if in.Tree.IsZero() {
			if err := add(in.Path, in.Blob, in.Mode); err != nil {
				return nil, 0, err
			}
			continue
		}
		tree, err := s.cfg.Blobs.Tree(ctx, in.Tree)
		if err != nil {
			return nil, 0, noFolder(in, err)
		}
		for _, f := range tree.Files {
			if !local(f.Path) {
				return nil, 0, fault{fmt.Sprintf("folder %q holds a path that leaves it", in.Path)}
			}
			if err := add(path.Join(in.Path, f.Path), f.Blob, f.Mode); err != nil {
				return nil, 0, err
			}
		}
	}
	return files, bytes, nil
}

// local tells whether p is a slash-separated path below where it starts.
func local(p string) bool {
	if p == "" || len(p) > 4096 || strings.HasPrefix(p, "/") || strings.ContainsAny(p, "\x00\\") {
		return false
	}
	c := path.Clean(p)
	return c != "." && c != ".." && !strings.HasPrefix(c, "../")
}

// merge is a and b without the files of a that b replaces.
func merge(a, b []runtime.File) []runtime.File {
	if len(a) == 0 || len(b) == 0 {
		return append(a[:len(a):len(a)], b...)
	}
	over := make(map[string]bool, len(b))
	for _, f := range b {
		over[f.Path] = true
	}
	out := make([]runtime.File, 0, len(a)+len(b))
	for _, f := range a {
		if !over[f.Path] {
			out = append(out, f)
		}
	}
	return append(out, b...)
}

// environment is KEY=value lines, sorted; over wins over base.
func environment(base, over map[string]string) ([]string, error) {
	if len(base)+len(over) > maxLists {
		return nil, fault{fmt.Sprintf("more than %d environment variables", maxLists)}
	}
	var env []string
	add := func(k, v string) error {
		if k == "" || strings.ContainsAny(k, "=\x00") || strings.ContainsRune(v, 0) {
			return fault{fmt.Sprintf("environment variable %q cannot be set", clip(k))}
		}
		env = append(env, k+"="+v)
		return nil
	}
	for k, v := range base {
		if _, replaced := over[k]; replaced {
			continue
		}
		if err := add(k, v); err != nil {
			return nil, err
		}
	}
	for k, v := range over {
		if err := add(k, v); err != nil {
			return nil, err
		}
	}
	sort.Strings(env)
	return env, nil
}

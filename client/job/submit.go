package job

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// maxStdin bounds stdin given as text; from inlineStdin on it becomes a blob.
const (
	maxStdin    = 1 << 20
	inlineStdin = 4 << 10
	maxActive   = 1000 // unfinished jobs
)

// Submit takes a job: its spec is checked, its inputs pinned, itself journalled;
// then it runs. A job that no node can run now is taken too, and its Reason says
// why it waits.
//
// Errors: KindInvalid and KindTooLarge for the spec, KindNotFound for an input
// that is not in the store here, KindQuota when too many jobs are unfinished or
// the disk is full.
func (e *Engine) Submit(ctx context.Context, spec api.JobSpec) (api.Job, error) {
	if err := e.started(ctx); err != nil {
		return api.Job{}, err
	}
	if err := e.stdinBlob(ctx, &spec); err != nil {
		return api.Job{}, err
	}
	p, err := compile(spec, e.cfg.Strategies)
	if err != nil {
		return api.Job{}, err
	}
	if err := e.checkInputs(&p.spec); err != nil {
		return api.Job{}, err
	}
	if err := e.findImage(ctx, &p.spec); err != nil {
		return api.Job{}, err
	}
	e.mu.Lock()
	active := len(e.runs)
	e.mu.Unlock()
	if active >= maxActive {
		return api.Job{}, api.Errorf(api.KindQuota, "%d jobs are unfinished, at most %d", active, maxActive).WithHint("wait for some, or cancel them; one job may have %d tasks", api.MaxTasks)
	}
	now := time.Now()
	id := api.JobID(ulid.Make().String())
	if err := e.pinInputs(ctx, id, &p.spec); err != nil {
		return api.Job{}, err
	}
	r := newRun(id, p, now)
	if err := e.cfg.Store.SaveJob(ctx, api.JobDetail{Job: r.sched.job(now), Spec: p.spec}); err != nil {
		if uerr := e.cfg.Blobs.Unpin(context.WithoutCancel(ctx), pinOwner(id)); uerr != nil {
			e.log.Warn("unpin inputs of a job that was not taken", "job", id, "err", uerr)
		}
		return api.Job{}, err
	}
	peers := e.cfg.Peers.Peers()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.runs[id] = r
	e.order = append(e.order, id)
	now = time.Now()
	r.sched.onPeers(peers, now)
	e.apply(r, now)
	e.tell(r, now)
	return e.jobView(r, now), nil
}

// started waits for the journal to have been read.
func (e *Engine) started(ctx context.Context) error {
	select {
	case <-e.stopped:
		return errStopped
	default:
	}
	select {
	case <-e.ready:
		return nil
	case <-e.stopped:
		return errStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}

// stdinBlob turns long stdin without placeholders into a blob, sent once per
// lender instead of once per task.
func (e *Engine) stdinBlob(ctx context.Context, spec *api.JobSpec) error {
	if len(spec.Stdin) > maxStdin {
		return api.Errorf(api.KindTooLarge, "stdin has %d bytes, at most %d as text", len(spec.Stdin), maxStdin).WithHint("give it as a file")
	}
	if len(spec.Stdin) < inlineStdin || strings.Contains(spec.Stdin, "{") || !spec.StdinBlob.IsZero() || text(spec.Stdin) != nil {
		return nil // compile judges it
	}
	b, err := e.cfg.Blobs.Put(ctx, strings.NewReader(spec.Stdin))
	if err != nil {
		return err
	}
	spec.Stdin, spec.StdinBlob = "", b.ID
	return nil
}

// checkInputs makes sure that what the job names is here, and that a module is one.
func (e *Engine) checkInputs(spec *api.JobSpec) error {
	missing := func(what string, id api.BlobID) error {
		return api.Errorf(api.KindNotFound, "%s: no blob %s here", what, id).WithHint("upload it first: POST /v1/blobs")
	}
	if id := spec.StdinBlob; !id.IsZero() && !e.cfg.Blobs.Has(id) {
		return missing("stdin", id)
	}
	for _, in := range spec.Inputs {
		id := in.Blob
		if id.IsZero() {
			id = in.Tree
		}
		if !e.cfg.Blobs.Has(id) {
			return missing("input "+clip(in.Path, 80), id)
		}
	}
	if spec.Module.IsZero() {
		return nil
	}
	if !e.cfg.Blobs.Has(spec.Module) {
		return missing("module", spec.Module)
	}
	rd, err := e.cfg.Blobs.Reader(spec.Module)
	if err != nil {
		return err
	}
	var magic [4]byte
	_, err = io.ReadFull(rd, magic[:])
	if cerr := rd.Close(); cerr != nil && err == nil {
		return cerr
	}
	if err != nil || string(magic[:]) != "\x00asm" {
		return api.Errorf(api.KindInvalid, "the module is not WebAssembly").
			WithHint("compile it for WASI, for example GOOS=wasip1 GOARCH=wasm go build -o prog.wasm")
	}
	return nil
}

// findImage makes sure that all lenders run the image that this node has by that
// name. Without one here each lender runs its own.
func (e *Engine) findImage(ctx context.Context, spec *api.JobSpec) error {
	if e.cfg.Images == nil || spec.Runtime != api.RuntimeDocker || spec.ImageID != "" {
		return nil
	}
	img, err := e.cfg.Images.Find(ctx, spec.Image)
	switch api.KindOf(err) {
	case api.KindInvalid, api.KindCanceled:
		return err
	}
	if err != nil {
		e.log.Debug("the job's image is not here", "image", spec.Image, "err", err)
		return nil
	}
	spec.ImageID = img.ID
	return nil
}

// NeedsImage tells whether an unfinished job runs an image, so that its lenders
// may ask for it.
func (e *Engine) NeedsImage(id api.ImageID) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range e.runs {
		if r.plan.spec.ImageID == id {
			return true
		}
	}
	return false
}

package demo

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// renderer sends work to the pool through its first node.
type renderer struct {
	plan   plan
	pool   *pool
	client *api.Client
	stderr io.Writer
	width  int // of the terminal, 0: none
	spec   api.JobSpec
}

// upload puts the module and the scene into the first node's store and makes
// the job that renders all frames.
func (r *renderer) upload(ctx context.Context, module []byte, sc *scene) error {
	put := func(f file) (api.BlobInfo, error) {
		in, err := f.open()
		if err != nil {
			return api.BlobInfo{}, api.Errorf(api.KindInvalid, "the scene cannot be read: %w", err)
		}
		info, err := r.client.PutBlob(ctx, struct{ io.Reader }{in}) // HTTP would close it too
		return info, errors.Join(err, in.Close())
	}
	program, err := put(file{bytes: module})
	if err != nil {
		return err
	}
	r.spec = api.JobSpec{
		Name: "demo", Runtime: api.RuntimeWasm, Module: program.ID,
		Command: []string{
			"render", "-scene", sceneFile, "-frame", "{frame}", "-frames", strconv.Itoa(r.plan.frames),
			"-size", fmt.Sprintf("%dx%d", r.plan.width, r.plan.height), "-samples", strconv.Itoa(r.plan.samples), "-out", "frame-{frame}.png",
		},
		Each:    []api.Axis{{Name: "frame", From: 0, To: int64(r.plan.frames - 1), Width: 4}},
		Outputs: []string{"frame-*.png"},
		Needs:   api.Resources{CPU: 1, Memory: sc.memory()},
	}
	for _, f := range sc.files {
		blob, err := put(f)
		if err != nil {
			return err
		}
		r.spec.Inputs = append(r.spec.Inputs, api.Input{Path: f.path, Blob: blob.ID, Size: blob.Size})
	}
	return nil
}

// alone renders a frame from the middle of the way on the first node, with
// nothing else going on, and tells how long it took there.
func (r *renderer) alone(ctx context.Context) (time.Duration, error) {
	spec := r.spec
	spec.Name, spec.On = "demo: one frame alone", []api.PeerID{r.pool.nodes[0].id}
	middle := int64(r.plan.frames / 2)
	spec.Each = []api.Axis{{Name: "frame", From: middle, To: middle, Width: 4}}
	job, err := r.run(ctx, spec, func(api.Job) {})
	if err != nil {
		return 0, err
	}
	task, err := r.client.Task(ctx, job.ID, 0)
	return time.Duration(task.Usage.Wall), err
}

// all renders the animation.
func (r *renderer) all(ctx context.Context) (api.Job, error) {
	show := newProgress(r.stderr, r.width, r.pool.name)
	defer show.done()
	return r.run(ctx, r.spec, show.show)
}

// run submits a job and follows it to its end. KindTasksFailed unless all of it is done.
func (r *renderer) run(ctx context.Context, spec api.JobSpec, show func(api.Job)) (api.Job, error) {
	job, err := r.client.SubmitJob(ctx, spec)
	if err != nil {
		return job, err
	}
	err = r.client.WatchJob(ctx, job.ID, func(e api.Event) error {
		if e.Job != nil {
			job = *e.Job
			show(job)
		}
		return nil
	})
	if err != nil {
		return job, err
	}
	detail, err := r.client.Job(ctx, job.ID)
	if err != nil {
		return job, err
	}
	if detail.State != api.JobDone {
		return detail.Job, r.failed(ctx, detail.Job)
	}
	return detail.Job, nil
}

// failed says why, in the words of the first task that failed.
func (r *renderer) failed(ctx context.Context, job api.Job) error {
	tasks, err := r.client.Tasks(ctx, job.ID, api.TaskQuery{State: api.TaskFailed, Limit: 1})
	if err != nil {
		return err
	}
	why := job.Reason
	if len(tasks) > 0 {
		why = tasks[0].Error
		if s := tasks[0].Stderr; s != nil && len(s.Inline) > 0 {
			why += ": " + string(s.Inline[:min(len(s.Inline), 500)])
		}
	}
	return api.Errorf(api.KindTasksFailed, "%d of %d frames were not rendered: %s", job.Tasks.Total-job.Tasks.Done, job.Tasks.Total, why)
}

// fetch brings the frames here, as files and as pictures, in their order.
func (r *renderer) fetch(ctx context.Context, id api.JobID, dir string) ([]image.Image, error) {
	frames := make([]image.Image, r.plan.frames)
	err := r.client.Results(ctx, id, func(t api.Task) error {
		at := slices.IndexFunc(t.Files, func(f api.OutputFile) bool { return filepath.Ext(f.Path) == ".png" })
		if at < 0 || int(t.ID) >= len(frames) {
			return api.Errorf(api.KindCorrupt, "frame %d came without a picture", t.ID)
		}
		picture, err := r.picture(ctx, t.Files[at].Blob, filepath.Join(dir, fmt.Sprintf("frame-%04d.png", t.ID)))
		frames[t.ID] = picture
		return err
	})
	if err != nil {
		return nil, err
	}
	if i := slices.Index(frames, nil); i >= 0 {
		return nil, api.Errorf(api.KindCorrupt, "frame %d is not among the results", i)
	}
	return frames, nil
}

// picture writes one blob to a file and decodes it.
func (r *renderer) picture(ctx context.Context, id api.BlobID, name string) (_ image.Image, err error) {
	in, _, err := r.client.GetBlob(ctx, id)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.Create(name)
	if err != nil {
		return nil, api.Errorf(api.KindInvalid, "a frame cannot be written: %w", err).WithHint("choose another folder with --out")
	}
	img, err := png.Decode(io.TeeReader(in, out))
	if err == nil {
		_, err = io.Copy(out, in) // what a decoder leaves unread
	}
	if err := errors.Join(err, out.Close()); err != nil {
		return nil, api.Errorf(api.KindCorrupt, "%s: %w", name, err)
	}
	return img, nil
}

package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/glob"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
	"github.com/Akilan1999/p2p-rendering-computation/wire/lease"
)

const (
	maxFiles  = 10_000  // output files of one task
	maxGlobs  = 100     // patterns for them: each is matched with each file, outside the sandbox
	maxResult = 1 << 20 // bytes of one result's JSON
)

// outcome is what came of executing an attempt: a result, or the machine's
// failure in err, never both.
type outcome struct {
	err    error
	ok     bool // the task itself succeeded
	body   []byte
	blobs  []api.BlobID
	stored int64 // bytes of them
	usage  api.UsageRow
	cpu    time.Duration // of it, in usage
}

// begin tells the borrower that an attempt runs, and true, unless it was taken away
// before: an attempt either begins or is given back as one that has not begun.
func (s *Server) begin(at *attempt) bool {
	s.mu.Lock()
	defer s.unlock()
	if at.ctx.Err() != nil {
		return false
	}
	at.begun = true
	if se := at.loan.out.Load(); se != nil {
		se.started(at.task.Key)
	}
	return true
}

// execute runs one attempt in the slot's sandbox.
func (s *Server) execute(sl *slot, sb runtime.Sandbox, at *attempt) outcome {
	ctx, l := at.ctx, sl.loan
	cmd, in, bytesIn, err := s.command(ctx, sl, at.task)
	if f := (fault{}); errors.As(err, &f) {
		return s.taskFault(sl, at, 125, f.msg)
	}
	if err != nil {
		return outcome{err: err}
	}
	stdin, closeIn, err := s.stdin(ctx, l, at.task)
	if err != nil {
		return outcome{err: err}
	}
	defer closeIn()
	if !s.begin(at) {
		return outcome{err: ctx.Err()}
	}

	outs := outputs{ctx: ctx, blobs: s.cfg.Blobs}
	stdout := &capture{ctx: ctx, blobs: s.cfg.Blobs, loan: l, key: at.task.Key, name: "stdout"}
	stderr := &capture{ctx: ctx, blobs: s.cfg.Blobs, loan: l, key: at.task.Key, name: "stderr"}
	res, err := sb.Exec(ctx, cmd, runtime.Streams{Stdin: stdin, Stdout: stdout, Stderr: stderr, Output: outs.put})
	out, oerr := stdout.close()
	errs, eerr := stderr.close()
	if ctx.Err() != nil && err != nil {
		cpu := time.Duration(res.Usage.CPU)
		return outcome{err: ctx.Err(), cpu: cpu, usage: api.UsageRow{CPUSeconds: cpu.Seconds()}}
	}
	if err = errors.Join(err, outs.err, oerr, eerr); err != nil {
		return outcome{err: err}
	}
	exit := res.Exit
	if exit.OK() {
		if miss := missing(cmd.Outputs, outs.files); miss != "" {
			exit.Msg = fmt.Sprintf("output %q matched nothing", miss)
		} else if outs.tooMany {
			exit.Msg = fmt.Sprintf("more than %d output files", maxFiles)
		}
	}
	r := lease.Result{Key: at.task.Key, Exit: exit, Usage: res.Usage, Stdout: out, Stderr: errs, Files: outs.files}
	r.Usage.BytesIn = bytesIn + int64(in)
	r.Usage.BytesOut = out.Size + errs.Size + outs.bytes
	o := s.result(sl, r)
	o.usage.BytesIn = int64(in) // the rest was charged when it came
	return o
}

// result is the outcome of an attempt whose end is known.
func (s *Server) result(sl *slot, r lease.Result) outcome {
	body, err := json.Marshal(r)
	if err == nil && len(body) > maxResult {
		r.Files, r.Exit = nil, api.Exit{Code: 125, Msg: fmt.Sprintf("the names of its %d output files are too long for a result", len(r.Files))}
		body, err = json.Marshal(r)
	}
	if err != nil {
		return outcome{err: err}
	}
	o := outcome{ok: r.Exit.OK(), body: body, cpu: time.Duration(r.Usage.CPU)}
	o.blobs, o.stored = blobsOf(&r)
	wall := time.Duration(r.Usage.Wall).Seconds()
	o.usage = api.UsageRow{
		Tasks: 1, CPUSeconds: time.Duration(r.Usage.CPU).Seconds(), MemorySeconds: float64(r.Usage.MaxMemory) * wall,
		GPUSeconds: float64(sl.needs.GPU) * wall, BytesOut: r.Usage.BytesOut,
	}
	return o
}

// blobsOf is the outputs of a result in the blob store, and their bytes.
func blobsOf(r *lease.Result) (ids []api.BlobID, bytes int64) {
	for _, f := range r.Files {
		ids, bytes = append(ids, f.Blob), bytes+f.Size
	}
	for _, st := range []api.Stream{r.Stdout, r.Stderr} {
		if !st.Blob.IsZero() {
			ids, bytes = append(ids, st.Blob), bytes+st.Size
		}
	}
	return ids, bytes
}

// taskFault is the outcome of a task that cannot be executed as it is written.
func (s *Server) taskFault(sl *slot, at *attempt, code int, msg string) outcome {
	return s.result(sl, lease.Result{Key: at.task.Key, Exit: api.Exit{Code: code, Msg: clip(msg)}})
}

// command is what the sandbox is to execute. A fault is the task's own, any
// other error the machine's.
func (s *Server) command(ctx context.Context, sl *slot, t lease.Task) (cmd runtime.Command, stdin int, bytes int64, err error) {
	l := sl.loan
	c, shared := &l.common, &l.open.Common
	if c.fault != "" {
		return cmd, 0, 0, fault{c.fault}
	}
	if len(t.Args) > maxLists || len(t.Outputs)+len(shared.Outputs) > maxGlobs {
		return cmd, 0, 0, fault{"too many arguments or outputs"}
	}
	if l.open.Runtime == api.RuntimeProcess && len(t.Args) == 0 {
		return cmd, 0, 0, fault{"no command was given"}
	}
	cmd = runtime.Command{Args: t.Args, Cwd: shared.Cwd, Env: c.env, Files: c.files, Outputs: shared.Outputs, Limits: limitsOf(sl)}
	if cmd.Cwd != "" && cmd.Cwd != "." && !local(cmd.Cwd) {
		return cmd, 0, 0, fault{fmt.Sprintf("working directory %q leaves the task's directory", cmd.Cwd)}
	}
	bytes = c.bytes
	if len(t.Env) > 0 {
		if cmd.Env, err = environment(shared.Env, t.Env); err != nil {
			return cmd, 0, 0, err
		}
	}
	if len(t.Outputs) > 0 {
		cmd.Outputs = append(slices.Clone(shared.Outputs), t.Outputs...)
	}
	for _, g := range cmd.Outputs {
		if err := glob.Check(g); err != nil {
			return cmd, 0, 0, fault{clip("output " + err.Error())}
		}
	}
	if len(t.Inputs) > 0 {
		own, n, err := s.layout(ctx, t.Inputs)
		if api.KindOf(err) == api.KindNotFound { // it waited so long that they were evicted
			if err = s.bring(ctx, l, t.Inputs); err == nil {
				own, n, err = s.layout(ctx, t.Inputs)
			}
		}
		if err != nil {
			return cmd, 0, 0, err
		}
		cmd.Files, bytes = merge(c.files, own), bytes+n
	}
	return cmd, len(t.Stdin), bytes, nil
}

// limitsOf is what the borrower asked a task in sl to be held to. The disk is the
// slot's own, whatever its loan would be given now.
func limitsOf(sl *slot) runtime.Limits {
	t := sl.loan.open.Common.Limits
	return runtime.Limits{Wall: time.Duration(t.Wall), CPU: time.Duration(t.CPU), Output: t.Output, Disk: sl.needs.Disk}
}

// stdin opens what the task reads.
func (s *Server) stdin(ctx context.Context, l *loan, t lease.Task) (io.Reader, func(), error) {
	if t.StdinBlob.IsZero() {
		if t.Stdin == "" {
			return nil, func() {}, nil
		}
		return strings.NewReader(t.Stdin), func() {}, nil
	}
	p, err := s.cfg.Blobs.Path(t.StdinBlob)
	if api.KindOf(err) == api.KindNotFound { // it waited so long that it was evicted
		if err = s.bring(ctx, l, nil, t.StdinBlob); err == nil {
			p, err = s.cfg.Blobs.Path(t.StdinBlob)
		}
	}
	if err != nil {
		return nil, nil, err
	}
	f, err := os.Open(p)
	if err != nil {
		return nil, nil, err
	}
	return f, func() { f.Close() }, nil //nolint:errcheck // only read
}

// outputs puts collected files into the store.
type outputs struct {
	ctx     context.Context
	blobs   Blobs
	files   []api.OutputFile
	bytes   int64
	tooMany bool
	err     error // the machine's
}

func (o *outputs) put(name string, mode uint32, size int64, r io.Reader) error {
	if len(o.files) >= maxFiles || len(name) > 4096 {
		o.tooMany = true
		_, err := io.Copy(io.Discard, r)
		return err
	}
	info, err := o.blobs.PutBriefly(o.ctx, r)
	if err != nil {
		o.err = fmt.Errorf("output %s cannot be kept here: %w", name, err)
		return o.err
	}
	o.bytes += info.Size
	o.files = append(o.files, api.OutputFile{Path: name, Blob: info.ID, Size: info.Size, Mode: mode & 0o777})
	return nil
}

// missing is the first pattern that no file matches, or "".
func missing(globs []string, files []api.OutputFile) string {
	for _, g := range globs {
		if !slices.ContainsFunc(files, func(f api.OutputFile) bool { return glob.Match(g, f.Path) }) {
			return g
		}
	}
	return ""
}

package server_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
)

// fakeRuntime executes a few words instead of programs.
type fakeRuntime struct {
	name      api.RuntimeName
	isolation string
	networks  []api.GuestNetwork
	gone      atomic.Bool // what Probe says now
	told      atomic.Bool // what it last said
	probes    atomic.Int32
	looks     time.Duration // how long Probe takes

	mu      sync.Mutex
	opened  int
	open    map[api.SandboxID]*fakeSandbox
	openErr error
	onTidy  func(context.Context) error // nil: there is never anything to do
	opening chan struct{}               // Open waits until it is closed, if there is one
	closing chan struct{}               // and Close
	left    []runtime.Sandbox           // what Recover finds
	gates   map[string]chan struct{}    // "wait NAME" ends when closed
	ran     map[string]int              // how often each first argument of "echo" ran
	limits  runtime.Limits              // of the last command
	files   []runtime.File              // of the last command
	env     []string                    // of the last command
	specs   []runtime.Spec              // of every Open
	most    int                         // sandboxes open at once
	busy    map[api.PeerID]int          // commands under way
	mostOf  map[api.PeerID]int          // the most of them
	onExec  func(api.PeerID, []string)  // told of each command
}

func newFake() *fakeRuntime {
	return &fakeRuntime{
		name: api.RuntimeWasm, isolation: "a fake", open: map[api.SandboxID]*fakeSandbox{}, gates: map[string]chan struct{}{},
		ran: map[string]int{}, busy: map[api.PeerID]int{}, mostOf: map[api.PeerID]int{},
	}
}

func (r *fakeRuntime) Name() api.RuntimeName { return r.name }

func (r *fakeRuntime) Probe(context.Context) (api.RuntimeInfo, error) {
	r.probes.Add(1)
	time.Sleep(r.looks)
	r.told.Store(r.gone.Load())
	return api.RuntimeInfo{Name: r.name, Available: !r.gone.Load(), Isolation: r.isolation, Networks: r.networks}, nil
}

func (r *fakeRuntime) Changed(context.Context) bool { return r.gone.Load() != r.told.Load() }

func (r *fakeRuntime) Recover(context.Context) ([]runtime.Sandbox, error) { return r.left, nil }

func (r *fakeRuntime) Tidy(ctx context.Context) error {
	if r.onTidy == nil {
		return nil
	}
	return r.onTidy(ctx)
}

func (r *fakeRuntime) Open(ctx context.Context, spec runtime.Spec) (runtime.Sandbox, error) {
	if r.opening != nil {
		select {
		case <-r.opening:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.openErr != nil {
		return nil, r.openErr
	}
	r.opened++
	r.specs = append(r.specs, spec)
	sb := &fakeSandbox{r: r, spec: spec, gone: make(chan struct{})}
	r.open[spec.ID] = sb
	r.most = max(r.most, len(r.open))
	return sb, nil
}

func (r *fakeRuntime) gate(name string) chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gates[name] == nil {
		r.gates[name] = make(chan struct{})
	}
	return r.gates[name]
}

func (r *fakeRuntime) release(name string) { close(r.gate(name)) }

func (r *fakeRuntime) sandboxes() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.open)
}

type fakeSandbox struct {
	r    *fakeRuntime
	spec runtime.Spec
	gone chan struct{}

	mu      sync.Mutex
	closed  bool
	paused  bool
	failing error // of Pause
	cpu     time.Duration
}

func (s *fakeSandbox) ID() api.SandboxID { return s.spec.ID }

func (s *fakeSandbox) Usage(context.Context) (runtime.Usage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return runtime.Usage{}, api.Errorf(api.KindLost, "closed")
	}
	s.cpu += 500 * time.Millisecond
	return runtime.Usage{CPUTime: s.cpu, Memory: 5 << 20, Procs: 1}, nil
}

func (s *fakeSandbox) Pause(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failing != nil {
		return s.failing
	}
	s.paused = true
	return nil
}

func (s *fakeSandbox) Resume(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paused = false
	return nil
}

func (s *fakeSandbox) isPaused() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.paused
}

func (s *fakeSandbox) Close(ctx context.Context) error {
	if s.r.closing != nil {
		select {
		case <-s.r.closing:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	close(s.gone)
	s.r.mu.Lock()
	delete(s.r.open, s.spec.ID)
	s.r.mu.Unlock()
	return nil
}

func (s *fakeSandbox) Exec(ctx context.Context, cmd runtime.Command, st runtime.Streams) (runtime.Result, error) {
	s.r.mu.Lock()
	s.r.limits, s.r.files, s.r.env = cmd.Limits, cmd.Files, cmd.Env
	b := s.spec.Borrower
	s.r.busy[b]++
	s.r.mostOf[b] = max(s.r.mostOf[b], s.r.busy[b])
	told := s.r.onExec
	s.r.mu.Unlock()
	if told != nil {
		told(b, cmd.Args)
	}
	defer func() {
		s.r.mu.Lock()
		s.r.busy[b]--
		s.r.mu.Unlock()
	}()
	res := runtime.Result{Usage: api.TaskUsage{Wall: api.Duration(time.Millisecond), CPU: api.Duration(2 * time.Millisecond), MaxMemory: 1 << 20}}
	arg := func(i int) string {
		if i < len(cmd.Args) {
			return cmd.Args[i]
		}
		return ""
	}
	var err error
	switch arg(0) {
	case "echo":
		s.r.mu.Lock()
		s.r.ran[arg(1)]++
		s.r.mu.Unlock()
		_, err = io.WriteString(st.Stdout, arg(1))
	case "err":
		_, err = io.WriteString(st.Stderr, arg(1))
	case "exit":
		res.Exit.Code, err = strconv.Atoi(arg(1))
	case "print":
		n, _ := strconv.Atoi(arg(1))
		for chunk := bytes.Repeat([]byte("x"), 4096); n > 0 && err == nil; n -= len(chunk) {
			_, err = st.Stdout.Write(chunk[:min(n, len(chunk))])
		}
	case "cat":
		for _, f := range cmd.Files {
			if f.Path == arg(1) {
				data, rerr := os.ReadFile(f.Source)
				_, werr := st.Stdout.Write(data)
				err = errors.Join(rerr, werr)
			}
		}
		if arg(1) == "-" && st.Stdin != nil {
			_, err = io.Copy(st.Stdout, st.Stdin)
		}
	case "make":
		for _, name := range cmd.Args[1:] {
			if err == nil {
				err = st.Output(name, 0o644, int64(len(name)), bytes.NewReader([]byte(name)))
			}
		}
	case "sleep":
		d, _ := time.ParseDuration(arg(1))
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			err = ctx.Err()
		case <-s.gone:
			err = api.Errorf(api.KindLost, "the sandbox was closed")
		}
	case "wait":
		select {
		case <-s.r.gate(arg(1)):
		case <-ctx.Done():
			if s.isPaused() { // what is frozen does not hear
				<-s.gone
			}
			err = ctx.Err()
		case <-s.gone:
			err = api.Errorf(api.KindLost, "the sandbox was closed")
		}
	case "stubborn": // does not end when asked
		<-s.gone
		err = api.Errorf(api.KindLost, "the sandbox was closed")
	case "lose":
		err = api.Errorf(api.KindLost, "the sandbox died")
	case "ill":
		err = errors.New("the agent stuttered")
	}
	return res, err
}

package node

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
)

// fakeRuntime executes in this process a little language: "say TEXT" prints,
// "file PATH TEXT" leaves an output, "cat" copies its first input, "exit N",
// "wait" ends with its sandbox.
type fakeRuntime struct{ name api.RuntimeName }

func (f fakeRuntime) Name() api.RuntimeName { return f.name }

func (f fakeRuntime) Probe(context.Context) (api.RuntimeInfo, error) {
	return api.RuntimeInfo{Name: f.name, Available: true, Isolation: "none: a test", Limits: []string{}, Missing: []string{}}, nil
}

func (f fakeRuntime) Open(_ context.Context, spec runtime.Spec) (runtime.Sandbox, error) {
	return &fakeSandbox{id: spec.ID, closed: make(chan struct{})}, nil
}

func (f fakeRuntime) Recover(context.Context) ([]runtime.Sandbox, error) { return nil, nil }

func (f fakeRuntime) Tidy(context.Context) error { return nil }

type fakeSandbox struct {
	id     api.SandboxID
	once   sync.Once
	closed chan struct{}
}

func (s *fakeSandbox) ID() api.SandboxID { return s.id }

func (s *fakeSandbox) Exec(ctx context.Context, cmd runtime.Command, st runtime.Streams) (runtime.Result, error) {
	if len(cmd.Args) == 0 {
		return runtime.Result{Exit: api.Exit{Code: 127, Msg: "no command"}}, nil
	}
	text := strings.Join(cmd.Args[1:], " ")
	var res runtime.Result
	switch cmd.Args[0] {
	case "say":
		if st.Stdout != nil {
			if _, err := fmt.Fprintln(st.Stdout, text); err != nil {
				return res, err
			}
		}
	case "file":
		path, content, _ := strings.Cut(text, " ")
		if st.Output != nil {
			return res, st.Output(path, 0o644, int64(len(content)), strings.NewReader(content))
		}
	case "exit":
		if _, err := fmt.Sscan(text, &res.Exit.Code); err != nil {
			return res, err
		}
	case "wait":
		select {
		case <-ctx.Done():
			return res, ctx.Err()
		case <-s.closed:
			return res, api.Errorf(api.KindLost, "closed")
		}
	default:
		res.Exit = api.Exit{Code: 127, Msg: "no such command"}
	}
	return res, nil
}

func (s *fakeSandbox) Usage(context.Context) (runtime.Usage, error) { return runtime.Usage{}, nil }
func (s *fakeSandbox) Pause(context.Context) error                  { return nil }
func (s *fakeSandbox) Resume(context.Context) error                 { return nil }
func (s *fakeSandbox) Close(context.Context) error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

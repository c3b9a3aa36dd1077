package runtimetest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
)

// escapeByPath plants secrets where a node has them and lets the guest try to
// reach them, by name and by link; and lets links be collected as outputs.
func (s *suite) escapeByPath(t *testing.T) {
	b := s.open(t)
	home := t.TempDir()
	secret := filepath.Join(home, "identity.key")
	if err := os.WriteFile(secret, []byte("TOP SECRET"), 0o600); err != nil {
		t.Fatal(err)
	}
	targets := []string{secret, "/etc/shadow", filepath.Join(b.dir, "planted")}
	if err := os.WriteFile(targets[2], []byte("TOP SECRET"), 0o644); err != nil {
		t.Fatal(err)
	}
	if !s.Closed {
		targets = nil // nothing is promised
	}
	for _, target := range targets {
		cmd := s.command("escape", target)
		cmd.Outputs = []string{"**"}
		r := b.exec(t, cmd)
		if !strings.HasSuffix(r.out, "done") || r.out != "done" {
			t.Errorf("%s: %s", target, r.out)
		}
		for p, content := range r.files {
			if strings.Contains(content, "SECRET") || p != "guest" {
				t.Errorf("collected %s: %.60q", p, content)
			}
		}
	}
	if left, err := filepath.Glob(filepath.Join(home, "*")); err != nil || len(left) != 1 {
		t.Errorf("the home now holds %v %v", left, err)
	}
	if c, err := os.ReadFile(secret); err != nil || string(c) != "TOP SECRET" {
		t.Errorf("the secret is now %q %v", c, err)
	}
	b.works(t)
}

// attack: signals, tracing, mounts and more against the node and the machine.
func (s *suite) attack(t *testing.T) {
	b := s.open(t)
	r := b.run(t, "attack", fmt.Sprint(os.Getpid()))
	r.want(t, "done")
	b.works(t)
}

// network: neither the machine's ports nor its sockets can be reached.
func (s *suite) network(t *testing.T) {
	b := s.open(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	sock := filepath.Join(t.TempDir(), "p2prc.sock")
	u, err := net.Listen("unix", sock)
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	b.run(t, "dial", l.Addr().String(), sock).want(t, "done")
}

func (s *suite) notAModule(t *testing.T) {
	dir := t.TempDir()
	rt := s.New(t, dir)
	for name, content := range map[string][]byte{
		"text": []byte("#!/bin/sh\necho hi\n"), "empty": nil, "cut": EchoModule()[:60], "header only": []byte("\x00asm\x01\x00\x00\x00"),
	} {
		p := filepath.Join(dir, "module")
		if err := os.WriteFile(p, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := rt.Open(t.Context(), runtime.Spec{ID: "01X", Module: p}); api.KindOf(err) != api.KindInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := rt.Open(t.Context(), runtime.Spec{ID: "01X"}); api.KindOf(err) != api.KindInvalid {
		t.Errorf("no module: %v", err)
	}
}

// with opens a sandbox of a module given as bytes.
func (s *suite) with(t *testing.T, module []byte) *box {
	t.Helper()
	p := filepath.Join(t.TempDir(), "module.wasm")
	if err := os.WriteFile(p, module, 0o600); err != nil {
		t.Fatal(err)
	}
	return s.open(t, func(spec *runtime.Spec) { spec.Module = p })
}

func (s *suite) trap(t *testing.T) {
	b := s.with(t, TrapModule())
	r := b.exec(t, runtime.Command{Args: []string{"trap"}})
	if r.Exit.Code != 134 || r.Exit.Limit != "" || !strings.Contains(r.Exit.Msg, "unreachable") {
		t.Errorf("%+v", r.Exit)
	}
}

func (s *suite) tiny(t *testing.T) {
	b := s.with(t, EchoModule())
	for i := range 100 {
		b.exec(t, runtime.Command{Args: []string{"echo", fmt.Sprint("task ", i)}}).want(t, fmt.Sprint("task ", i))
	}
}

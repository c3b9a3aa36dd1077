package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
)

// TestSeedProgram builds the project's first example, unchanged, as a module of
// its own, checks that the node works while the program's main goroutine spins, and
// that it answers p2prc peers.
func TestSeedProgram(t *testing.T) {
	program := buildSeed(t)
	dir, err := os.MkdirTemp("", "p2prc") // t.TempDir's path may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	t.Setenv("P2PRC", dir)
	t.Setenv("P2PRC_MDNS", "off")
	t.Setenv("P2PRC_HOSTS", "127.0.0.1")
	cmd := exec.Command(program)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := cmd.Wait(); err == nil {
			t.Errorf("the program ended by itself: %s", said.String())
		}
	}()
	defer func() { cmd.Process.Kill(); <-ended }()

	client := api.NewClient(filepath.Join(dir, "p2prc.sock"))
	defer client.Close()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(30 * time.Second)
	for {
		st, err := client.Status(t.Context())
		if err == nil {
			if st.PID != cmd.Process.Pid {
				t.Fatalf("process %d answers, want %d", st.PID, cmd.Process.Pid)
			}
			break
		}
		select {
		case <-ended:
			t.Fatal("the program ended")
		case <-deadline:
			t.Fatalf("no node answers: %v; the program said %q", err, said.String())
		case <-tick.C:
		}
	}
	began := time.Now()
	const calls = 20
	for range calls {
		if _, err := client.Specs(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("%d calls beside a spinning main took %s", calls, took)
	}
	var peers []api.Peer
	out, err := exec.Command("p2prc", "peers", "--json").Output()
	if err == nil {
		err = json.Unmarshal(out, &peers)
	}
	if err != nil || len(peers) != 1 || peers[0].State != api.PeerSelf {
		t.Errorf("p2prc peers says %s, %v", out, err)
	}
}

// buildSeed builds the program in a module that replaces this one by the tree
// it is tested in.
func buildSeed(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	read := func(name string) []byte {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	const module = "github.com/Akilan1999/p2p-rendering-computation"
	mod := regexp.MustCompile(`(?m)^module .*$`).ReplaceAll(read(filepath.Join(root, "go.mod")), []byte("module seed"))
	mod = append(mod, "\nrequire "+module+" v0.0.0\nreplace "+module+" => "+root+"\n"...)
	for name, text := range map[string][]byte{"go.mod": mod, "go.sum": read(filepath.Join(root, "go.sum")), "main.go": read("testdata/seed/program.txt")} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("go", "build", "-mod=mod", "-o", "seed.exe", ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return filepath.Join(dir, "seed.exe")
}

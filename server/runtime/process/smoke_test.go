package process

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"testing"
	"path/filepath"

	"github.com/Akilan1999/p2p-rendering-computation/internal/nsbox"
	"github.com/Akilan1999/p2p-rendering-computation/server/runtime"
)

func TestSmoke(t *testing.T) {
	exe, _ := os.Executable()
	r := New(Config{Agent: []string{exe, "agent"}, Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	info, err := r.Probe(context.Background())
	t.Logf("%+v %v", info, err)
	if tier, _, _ := r.tiers.Best(t.Context()); tier != nsbox.Namespaces {
		t.Fatal(info)
	}
	sb, err := r.Open(context.Background(), runtime.Spec{ID: "01A"})
	if err != nil {
		t.Fatal(err)
	}
	defer sb.Close(context.Background())
	in := filepath.Join(t.TempDir(), "in")
	os.WriteFile(in, []byte("input"), 0o600)
	for _, c := range []string{"id; pwd; ls -laR . /work /dev/hold; cat a/in; ls -l /proc/self/fd; ls -l /proc/1/fd ", "ls -la; cat a/in; exit 3"} {
		var out bytes.Buffer
		res, err := sb.Exec(context.Background(), runtime.Command{Args: []string{"sh", "-c", c}, Files: []runtime.File{{Path: "a/in", Source: in, Size: 5}}}, runtime.Streams{Stdout: &out, Stderr: &out})
		t.Logf("%s\n%+v %v", out.String(), res, err)
	}
}

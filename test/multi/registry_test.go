//go:build unix

package multi

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/Akilan1999/p2p-rendering-computation/internal/localimage"
)

// registry serves one image, of busybox and a file that says so, as tool:1; it
// answers with the image's name.
func registry(t *testing.T) string {
	t.Helper()
	files, err := localimage.Busybox()
	if err != nil {
		t.Fatal(err)
	}
	blobs := map[string][]byte{}
	put := func(b []byte) map[string]any {
		d := fmt.Sprintf("sha256:%x", sha256.Sum256(b))
		blobs[d] = b
		return map[string]any{"digest": d, "size": len(b)}
	}
	var layer, packed bytes.Buffer
	w := tar.NewWriter(&layer)
	for _, f := range append(files, localimage.File{Path: "origin", Content: []byte("a registry\n")}) {
		h := &tar.Header{Name: f.Path, Mode: 0o755, Size: int64(len(f.Content)), Typeflag: tar.TypeReg}
		if f.Target != "" {
			h.Typeflag, h.Linkname = tar.TypeSymlink, f.Target
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(f.Content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(layer.Bytes()); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	marshal := func(v any) []byte {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	const docker = "application/vnd.docker."
	config := put(marshal(map[string]any{"os": "linux", "architecture": runtime.GOARCH, "rootfs": map[string]any{"type": "layers",
		"diff_ids": []string{fmt.Sprintf("sha256:%x", sha256.Sum256(layer.Bytes()))}}}))
	config["mediaType"] = docker + "container.image.v1+json"
	only := put(packed.Bytes())
	only["mediaType"] = docker + "image.rootfs.diff.tar.gzip"
	manifest := marshal(map[string]any{"schemaVersion": 2, "mediaType": docker + "distribution.manifest.v2+json", "config": config, "layers": []any{only}})

	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, at, ok := strings.Cut(r.URL.Path, "/v2/p2prc-test/tool/")
		kind, name, _ := strings.Cut(at, "/")
		body, there := blobs[name]
		switch {
		case r.URL.Path == "/v2/":
		case ok && kind == "manifests" && (name == "1" || name == fmt.Sprintf("sha256:%x", sha256.Sum256(manifest))):
			w.Header().Set("Content-Type", docker+"distribution.manifest.v2+json")
			_, _ = w.Write(manifest) // the engine says what is missing
		case ok && kind == "blobs" && there:
			_, _ = w.Write(body) // as above
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://") + "/p2prc-test/tool:1"
}

// An image that no member has comes from a registry where the lender's owner lets it,
// for tasks, for containers and for what they are built on; and a build fetches nothing else.
func TestPullFromARegistry(t *testing.T) {
	c := engine(t)
	all := pool(t, "a", "b")
	a, b := all[0], all[1]
	image := registry(t)
	place, _, _ := strings.Cut(image, "/tool")
	folder := t.TempDir()
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(folder, "Dockerfile"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("FROM {{.}}\nCMD [\"cat\", \"/origin\"]\n")
	run := []string{"run", "--on", "b", "--cpus", "0.2", "--image", image, "--", "cat", "/origin"}
	build := []string{"container", "create", "b", "--cpus", "0.2", "--name", "built", "--build", folder, "--base", image}
	create := []string{"container", "create", "b", "--cpus", "0.2", "--name", "made", "--image", image}
	for _, args := range [][]string{build, create} {
		if _, errs, code := a.cmd(args...); code == 0 || !strings.Contains(errs, "is not on this machine") || !strings.Contains(errs, "pull:"+image) {
			t.Errorf("%q: exit %d, %q", args, code, errs)
		}
	}
	b.ok("lend", "policy", "allow", string(a.id()), "pull:"+place+"/*")
	a.ok(create...)
	a.ok(build...)
	if out := a.ok(run...); out != "a registry\n" {
		t.Errorf("the task read %q", out)
	}
	if out := a.ok("container", "exec", "made", "--", "cat", "/origin"); out != "a registry\n" {
		t.Errorf("the container read %q", out)
	}
	if _, err := c.ImageInspect(t.Context(), image); err == nil {
		t.Error("the lender's engine has a name that a borrower chose")
	}
	a.ok("container", "rm", "made", "built")
	write("FROM " + image + "\nADD http://" + image + " /\n")
	if _, errs, code := a.cmd(build[:len(build)-2]...); code == 0 || !strings.Contains(errs, "a build reaches nothing") {
		t.Errorf("a build that fetches: exit %d, %q", code, errs)
	}
}

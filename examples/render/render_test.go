package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/Akilan1999/p2p-rendering-computation/internal/teapot"
	"github.com/Akilan1999/p2p-rendering-computation/internal/wavefront"
)

// golden is the hash of frame 5 of 24 at 64x48 with 4 samples. It changes only
// with a change of the renderer or the teapot; look at the picture then.
const golden = "b6e55d801d35155d"

func TestSamePictureEverywhere(t *testing.T) {
	args := []string{"-frame", "0005", "-frames", "24", "-size", "64x48", "-samples", "4", "-out"}
	native := filepath.Join(t.TempDir(), "native.png")
	if err := run(append(args, native), os.Stderr); err != nil {
		t.Fatal(err)
	}
	want := pixels(t, native)

	dir := t.TempDir()
	wasm(t, dir, append([]string{"render"}, append(args, "wasm.png")...))
	got := pixels(t, filepath.Join(dir, "wasm.png"))
	sum := sha256.Sum256(got)
	if have := hex.EncodeToString(sum[:8]); have != golden {
		t.Errorf("the module's picture has hash %s, want %s", have, golden)
	}
	// Other processors may fuse a multiplication with an addition in native code.
	if runtime.GOARCH == "amd64" && !bytes.Equal(got, want) {
		t.Errorf("native and module make different pictures")
	}
}

func pixels(t *testing.T, file string) []byte {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	var out []byte
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			r, g, b, _ := img.At(x, y).RGBA()
			out = append(out, byte(r>>8), byte(g>>8), byte(b>>8))
		}
	}
	return out
}

// wasm builds this program as a module and runs it in dir.
func wasm(t *testing.T, dir string, args []string) {
	t.Helper()
	module := filepath.Join(t.TempDir(), "render.wasm")
	build := exec.Command("go", "build", "-o", module, ".")
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	code, err := os.ReadFile(module)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	r := wazero.NewRuntime(ctx)
	defer r.Close(ctx)
	wasi_snapshot_preview1.MustInstantiate(ctx, r)
	config := wazero.NewModuleConfig().WithArgs(args...).WithStderr(os.Stderr).
		WithFSConfig(wazero.NewFSConfig().WithDirMount(dir, "/"))
	if _, err := r.InstantiateWithConfig(ctx, code, config); err != nil && !strings.Contains(err.Error(), "exit_code(0)") {
		t.Fatal(err)
	}
}

// TestTreeFindsWhatAllFinds compares the tree with a look at every triangle.
func TestTreeFindsWhatAllFinds(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	coord := func() float32 { return float32(rnd.NormFloat64()) }
	m := &wavefront.Mesh{}
	for i := range 400 {
		a := wavefront.Vec{coord() / 6, coord() / 6, coord() / 6} // in the unit ball, as a scene's are
		for range 3 {
			m.Vertices = append(m.Vertices, wavefront.Vec{a[0] + coord()/30, a[1] + coord()/30, a[2] + coord()/30})
		}
		n := int32(3 * i)
		m.Triangles = append(m.Triangles, wavefront.Triangle{V: [3]int32{n, n + 1, n + 2}, N: [3]int32{-1, -1, -1}})
	}
	for range 300 { // many in one place: a tree that cannot be split
		m.Triangles = append(m.Triangles, m.Triangles[7])
	}
	tree := newBVH(m)
	hits := 0
	for range 3000 {
		from := vec{float64(coord()), float64(coord()), float64(coord())}.scale(0.5)
		dir := vec{float64(coord()), float64(coord()), float64(coord())}.unit()
		if rnd.IntN(10) == 0 {
			dir = vec{0, 0, 1} // along the axes, where divisions by zero are
		}
		want := hit{t: far, tri: -1}
		for i := range tree.tris {
			meet(&tree.tris[i], from, dir, &want)
		}
		got := tree.nearest(from, dir, far)
		if got.t != want.t {
			t.Fatalf("from %v towards %v: the tree finds %v, all triangles %v", from, dir, got, want)
		}
		if tree.blocked(from, dir, far) != (want.tri >= 0) {
			t.Fatalf("from %v towards %v: blocked is not what nearest says", from, dir)
		}
		if want.tri >= 0 {
			hits++
		}
	}
	if hits < 200 {
		t.Errorf("only %d rays hit anything, the test says little", hits)
	}
}

// TestNoLightFromNothing puts a white ball under a white sky: it must not come
// out brighter than the sky, nor much darker.
func TestNoLightFromNothing(t *testing.T) {
	for _, gloss := range []float32{0, 0.3, 1} {
		m := teapot.Mesh(6)
		m.Materials[0] = wavefront.Material{Diffuse: wavefront.Vec{1, 1, 1}, Gloss: wavefront.Vec{gloss, gloss, gloss}, Shine: 50, Opacity: 1}
		s, err := newScene(m)
		if err != nil {
			t.Fatal(err)
		}
		s.sky = sky{horizon: vec{1, 1, 1}, zenith: vec{1, 1, 1}, towards: vec{0, 1, 0}}
		s.ground = -1e9 // none, but for the sky's lower half, which is white too
		rnd := newSampler(1, 2, 3)
		var seen first
		var mean, n float64
		for i := range 20000 {
			rnd.sample(i)
			from := vec{rnd.next() - 0.5, 3, rnd.next() - 0.5}
			got := s.radiance(from, from.scale(-1).unit(), &seen, &rnd)
			mean, n = mean+got.x, n+1
		}
		if mean /= n; mean > 1.01 || mean < 0.5 {
			t.Errorf("gloss %v: a white thing under a white sky is seen at %.3f", gloss, mean)
		}
	}
}

func TestLampsLight(t *testing.T) {
	obj := "mtllib a.mtl\nv -1 0 -1\nv 1 0 -1\nv 1 0 1\nv -1 0 1\nv -.1 1 -.1\nv .1 1 -.1\nv 0 1 .1\nf 1 2 3 4\nusemtl lamp\nf 5 6 7\n"
	dir := t.TempDir()
	write(t, dir, "a.obj", obj)
	write(t, dir, "a.mtl", "newmtl lamp\nKd 0 0 0\nKe 50 50 50\n")
	m, err := load(filepath.Join(dir, "a.obj"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := newScene(m)
	if err != nil {
		t.Fatal(err)
	}
	if s.sky != dusk || len(s.lamps.list) != 1 {
		t.Fatalf("%d lamps, sky %v", len(s.lamps.list), s.sky)
	}
	// What next-event estimation finds must be what plain luck finds.
	p := path{from: vec{0.3, 0.2, 0.3}, dir: vec{0, -1, 0}, weight: vec{1, 1, 1}}
	rnd := newSampler(0, 0, 0)
	sf, _, ok := s.advance(&p, &rnd)
	if !ok {
		t.Fatal("the ray hit nothing")
	}
	var direct, luck float64
	const n = 200000
	for i := range n {
		rnd.sample(i)
		direct += s.direct(&sf, &p, &rnd).x / n
		next, ok := sf.scatter(&p, sf.mat.diffuse, &rnd)
		if !ok {
			continue
		}
		if h := s.tree.nearest(next.from, next.dir, far); h.tri >= 0 {
			luck += s.surfaceOf(h, next.from, next.dir).mat.glow.x * next.weight.x / n
		}
	}
	if math.Abs(direct-luck) > 0.05*luck || luck == 0 {
		t.Errorf("aimed at the lamp %.4f, by luck %.4f", direct, luck)
	}
}

func TestBadInput(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "nan.obj", "v 0 0 0\nv 1 nan 0\n")
	write(t, dir, "point.obj", "v 1 1 1\nf 1 1 1\n")
	write(t, dir, "ok.obj", "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"-scene", "nan.obj"}, "nan.obj:2: \"nan\" is not a finite number"},
		{[]string{"-scene", "point.obj"}, "all faces lie in one point"},
		{[]string{"-scene", "missing.obj"}, "missing.obj"},
		{[]string{"-scene", "ok.obj", "-size", "20"}, "want WIDTHxHEIGHT"},
		{[]string{"-scene", "ok.obj", "-size", "0x5"}, "want WIDTHxHEIGHT"},
		{[]string{"-scene", "ok.obj", "-frame", "one"}, "want a whole number from 0"},
		{[]string{"-scene", "ok.obj", "-samples", "0"}, "want a whole number from 1"},
		{[]string{"-scene", "ok.obj", "extra"}, "\"extra\" is not a flag"},
		{[]string{"-scene", "ok.obj", "-size", "8x8", "-out", "no/such/dir.png"}, "no/such/dir.png"},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			t.Chdir(dir)
			err := run(c.args, new(bytes.Buffer))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want something with %q", err, c.want)
			}
		})
	}
	t.Chdir(dir)
	if err := run([]string{"-scene", "ok.obj", "-size", "3x5", "-samples", "1"}, os.Stderr); err != nil {
		t.Errorf("one triangle in 3x5 pixels: %v", err)
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkFrame(b *testing.B) {
	s, err := newScene(teapot.Mesh(10))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s.render(view{frame: 3, frames: 24, width: 320, height: 240, samples: 8})
	}
}

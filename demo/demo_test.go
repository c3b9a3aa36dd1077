package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/Akilan1999/p2p-rendering-computation/api"
	"github.com/Akilan1999/p2p-rendering-computation/internal/leak"
	"github.com/Akilan1999/p2p-rendering-computation/internal/wavefront"
)

func TestMain(m *testing.M) { leak.Main(m) }

// frame is a smooth picture that differs from frame to frame.
func frame(i, w, h int) image.Image {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.SetNRGBA(x, y, color.NRGBA{uint8(255 * x / w), uint8(255 * y / h), uint8(10 * i), 255})
		}
	}
	return img
}

func frames(n, w, h int) (all []image.Image) {
	for i := range n {
		all = append(all, frame(i, w, h))
	}
	return all
}

func TestAnimation(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.gif")
	in := frames(24, 64, 48)
	if err := writeAnimation(name, in); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	g, err := gif.DecodeAll(f)
	if err != nil {
		t.Fatal(err)
	}
	if len(g.Image) != 24 || g.LoopCount != 0 {
		t.Fatalf("%d frames, loop count %d", len(g.Image), g.LoopCount)
	}
	seen := map[string]bool{}
	for i, p := range g.Image {
		seen[string(p.Pix)] = true
		if p.Bounds() != in[i].Bounds() {
			t.Errorf("frame %d has %v", i, p.Bounds())
		}
		if d := distance(p, in[i]); d > 16 { // 256 colours for a whole cube of them
			t.Errorf("frame %d: colours are off by %.1f of 255 on average", i, d)
		}
	}
	if len(seen) != 24 {
		t.Errorf("only %d frames differ", len(seen))
	}
}

// distance is the mean difference of a channel.
func distance(a, b image.Image) float64 {
	var sum, n float64
	each(a, func(x, y int, r, g, bl uint8) {
		r2, g2, b2, _ := b.At(x, y).RGBA()
		for _, d := range [3]float64{float64(r) - float64(r2>>8), float64(g) - float64(g2>>8), float64(bl) - float64(b2>>8)} {
			sum, n = sum+math.Abs(d), n+1
		}
	})
	return sum / n
}

func TestPaletteOfFewColours(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 4, 4))
	img.SetNRGBA(0, 0, color.NRGBA{255, 0, 0, 255})
	p := palette([]image.Image{img})
	want := []color.Color{color.RGBA{0, 0, 0, 255}, color.RGBA{255, 0, 0, 255}}
	slices.SortFunc(p, func(a, b color.Color) int { ra, _, _, _ := a.RGBA(); rb, _, _, _ := b.RGBA(); return int(ra) - int(rb) })
	if !slices.Equal([]color.Color(p), want) {
		t.Errorf("got %v, want %v", p, want)
	}
}

func TestSheet(t *testing.T) {
	for _, c := range []struct{ n, w, h int }{{1, 8, 8}, {24, 256, 192}, {7, 1, 300}, {1000, 16, 9}, {3, 2000, 10}} {
		name := filepath.Join(t.TempDir(), "sheet.png")
		if err := writeSheet(name, frames(c.n, c.w, c.h)); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		if size := img.Bounds(); size.Dx() > sheetWidth+100 || size.Dx() < 2*sheetGap || size.Dy() < 2*sheetGap {
			t.Errorf("%+v: the sheet is %v", c, size)
		}
		if _, _, b, _ := img.At(img.Bounds().Dx()/2, img.Bounds().Dy()-1).RGBA(); b != 0 {
			t.Errorf("%+v: no border", c)
		}
	}
}

func TestPlan(t *testing.T) {
	p, err := Options{}.plan()
	if err != nil || p.frames != 24 || p.width != 256 || p.height != 192 || p.samples != 8 || p.nodes != 3 || p.out != "out" || p.slots < 1 {
		t.Errorf("defaults are %+v, %v", p, err)
	}
	for want, o := range map[string]Options{
		"--frames -1":  {Frames: -1},
		"--frames 100": {Frames: 100000},
		"--nodes 17":   {Nodes: 17},
		"--samples 99": {Samples: 99999},
		`"20"`:         {Size: "20"},
		`"axb"`:        {Size: "axb"},
		`"0x9"`:        {Size: "0x9"},
		`"9x9999"`:     {Size: "9x9999"},
		"too much":     {Frames: 1000, Size: "4096x4096"},
	} {
		_, err := o.plan()
		if err == nil || !strings.Contains(err.Error(), want) || api.HintOf(err) == "" {
			t.Errorf("%+v: got %v with hint %q, want %q", o, err, api.HintOf(err), want)
		}
	}
}

func TestModule(t *testing.T) {
	_, err := readModule(fstest.MapFS{"module/README.md": {}})
	if api.KindOf(err) != api.KindUnsupported || !strings.Contains(api.HintOf(err), "make build") {
		t.Errorf("without the module: %v, hint %q", err, api.HintOf(err))
	}
	if b, err := readModule(fstest.MapFS{"module/render.wasm": {Data: []byte("x")}}); err != nil || string(b) != "x" {
		t.Errorf("with the module: %q, %v", b, err)
	}
}

func TestScene(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const tri = "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"
	for _, c := range []struct {
		path, want string
		kind       api.Kind
	}{
		{filepath.Join(dir, "none.obj"), "there is no scene", api.KindNotFound},
		{put("nan.obj", "v 0 0 0\nv NaN 0 0\n"), "nan.obj:2: ", api.KindInvalid},
		{put("empty.obj", "v 0 0 0\n"), "there are no faces", api.KindInvalid},
		{put("huge.obj", tri+strings.Repeat("f 1 2 3\n", wavefront.MaxTriangles)), "huge.obj:2000004: more than 2000000 triangles", api.KindTooLarge},
		{dir, "cannot be read", api.KindInvalid},
	} {
		_, err := loadScene(c.path, io.Discard)
		if api.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v (%s), want %q (%s)", c.path, err, api.KindOf(err), c.want, c.kind)
		}
	}
	put("colours/my.mtl", "newmtl a\nKd 1 0 0\n")
	var said bytes.Buffer
	s, err := loadScene(put("ok.obj", "mtllib colours/my.mtl\nmtllib gone.mtl\n"+tri), &said)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.files) != 2 || s.files[0].path != sceneFile || s.files[1].path != "colours/my.mtl" || s.triangles != 1 {
		t.Errorf("the scene is %+v", s)
	}
	if !strings.Contains(said.String(), "warning: ") || !strings.Contains(said.String(), "gone.mtl") {
		t.Errorf("said %q", said.String())
	}
	for _, f := range s.files {
		in, err := f.open()
		if err != nil {
			t.Fatal(err)
		}
		in.Close()
	}
}

// TestTeapotIsAScene reads what the tasks get.
func TestTeapotIsAScene(t *testing.T) {
	s, err := loadScene("", io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	m, err := wavefront.Read(bytes.NewReader(s.files[0].bytes), sceneFile, func(name string) (io.ReadCloser, error) {
		if name != s.files[1].path {
			t.Errorf("it asks for %q", name)
		}
		return s.files[1].open()
	})
	if err != nil || len(m.Triangles) != s.triangles || len(m.Warnings) > 0 {
		t.Errorf("%v, warnings %v", err, m.Warnings)
	}
}

func TestReport(t *testing.T) {
	p, err := Options{Out: "here"}.plan()
	if err != nil {
		t.Fatal(err)
	}
	p.slots = 1
	var b strings.Builder
	err = report{plan: p, alone: 2 * time.Second, wall: 24 * time.Second, job: api.Job{
		Tasks: api.TaskCounts{Done: 24},
		Nodes: []api.NodeProgress{{Name: "node-1", Done: 14, Busy: api.Duration(30 * time.Second)}, {Name: "node-2", Done: 10, Busy: api.Duration(25 * time.Second)}},
	}}.write(&b)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"node-1      14  30.0 s", "all      24  55.0 s", "48.0 s: one frame alone took 2.0 s, times 24", "2.00 over one slot, with 3 slots", filepath.Join("here", "animation.gif")} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

func TestProgress(t *testing.T) {
	job := api.Job{Tasks: api.TaskCounts{Total: 4, Done: 4}, Nodes: []api.NodeProgress{{Peer: "a", Done: 3}, {Peer: "b", Done: 1, Running: 2}}}
	name := func(id api.PeerID) string { return "node-" + string(id) }
	var plain, terminal strings.Builder
	newProgress(&plain, 0, name).show(job)
	if plain.String() != "4/4 frames, node-a 3, node-b 1\n" {
		t.Errorf("plain: %q", plain.String())
	}
	p := newProgress(&terminal, 80, name)
	p.show(job)
	p.show(job)
	if got := strings.Count(terminal.String(), "\n"); got != 6 || !strings.Contains(terminal.String(), "\x1b[3A") {
		t.Errorf("on a terminal: %d lines, %q", got, terminal.String())
	}
}

// TestNothingIsLeft starts a "node" that is no node: the demo must fail, end it,
// and remove its folder.
func TestNothingIsLeft(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	dead := filepath.Join(os.TempDir(), tempPrefix+"999999999-1")
	if err := os.Mkdir(dead, 0o700); err != nil {
		t.Fatal(err)
	}
	script := func(text string) string {
		name := filepath.Join(t.TempDir(), "p2prc")
		if err := os.WriteFile(name, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		return name
	}
	p, err := Options{}.plan()
	if err != nil {
		t.Fatal(err)
	}
	_, err = startPool(t.Context(), p, script("echo out of luck >&2; exit 3"))
	if err == nil || !strings.Contains(err.Error(), "out of luck") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("a node that ends: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	marker := filepath.Join(t.TempDir(), "started")
	go func() {
		defer cancel()
		for t.Context().Err() == nil {
			if _, err := os.Stat(marker); err == nil {
				return
			}
			<-time.After(time.Millisecond)
		}
	}()
	_, err = startPool(ctx, p, script("trap 'exit 0' TERM; echo > "+marker+"; while :; do sleep 0.01; done"))
	if api.KindOf(err) != api.KindCanceled {
		t.Errorf("stopped while a node does not answer: %v", err)
	}
	left, err := os.ReadDir(os.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if len(left) > 0 {
		t.Errorf("left in the temporary folder: %v", left)
	}
}

// TestUpload sends a scene of the user's to a node that only counts.
func TestUpload(t *testing.T) {
	dir := t.TempDir()
	var got [][]byte
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		b, err := io.ReadAll(req.Body)
		if err != nil || req.Method != http.MethodPost || req.URL.Path != "/v1/blobs" {
			t.Errorf("%s %s: %v", req.Method, req.URL, err)
		}
		got = append(got, b)
		json.NewEncoder(w).Encode(api.BlobInfo{ID: api.BlobID{byte(len(got))}, Size: int64(len(b))})
	}))
	defer node.Close()
	defer node.CloseClientConnections()
	name := filepath.Join(dir, "mine.obj")
	if err := os.WriteFile(name, []byte("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	sc, err := loadScene(name, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Options{Frames: 3, Size: "32x16", Samples: 5}.plan()
	if err != nil {
		t.Fatal(err)
	}
	r := &renderer{plan: p, client: api.NewHTTPClient(node.URL, node.Client())}
	if err := r.upload(t.Context(), []byte("module"), sc); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || string(got[0]) != "module" || !strings.HasPrefix(string(got[1]), "v 0 0 0") {
		t.Errorf("uploaded %q", got)
	}
	want := api.JobSpec{
		Name: "demo", Runtime: api.RuntimeWasm, Module: api.BlobID{1},
		Command: strings.Fields("render -scene scene.obj -frame {frame} -frames 3 -size 32x16 -samples 5 -out frame-{frame}.png"),
		Each:    []api.Axis{{Name: "frame", To: 2, Width: 4}},
		Inputs:  []api.Input{{Path: "scene.obj", Blob: api.BlobID{2}, Size: 32}},
		Outputs: []string{"frame-*.png"},
		Needs:   api.Resources{CPU: 1, Memory: 128<<20 + 300},
	}
	if !reflect.DeepEqual(r.spec, want) {
		t.Errorf("the job is\n%+v, want\n%+v", r.spec, want)
	}
}

func TestEnvironment(t *testing.T) {
	got := environment([]string{"A=1", "P2PRC=/x", "P2PRC_NAME=y", "P2PRCX=2"}, "/home")
	if want := []string{"A=1", "P2PRCX=2", "P2PRC=/home"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestTail(t *testing.T) {
	var b tail
	for range 3000 {
		if _, err := b.Write([]byte("one\ntwo\n")); err != nil {
			t.Fatal(err)
		}
	}
	b.note("three")
	if got := b.last(); got != "two |  | three" || len(b.buf) > keptWords+10 {
		t.Errorf("last words %q of %d bytes", got, len(b.buf))
	}
}
